"""Non-public parts of TFP and TensorFlow that this package uses."""

import abc
import contextlib
import weakref
from typing import Any, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.core.protobuf import trackable_object_graph_pb2
from tensorflow.python.framework import ops
from tensorflow_probability.python.bijectors import chain, invert
from tensorflow_probability.python.internal import (
  auto_composite_tensor,
  cache_util,
  dtype_util,
  parameter_properties,
  tensor_util,
)

__all__ = [
  'CHAIN',
  'INVERT',
  'AutoCompositeTensor',
  'BatchedComponentProperties',
  'BijectorCache',
  'CompositeBijectorMeta',
  'CompositeModule',
  'ParameterProperties',
  'checkpoint_keys',
  'common_dtype',
  'constructor_arguments',
  'convert_nonref_to_tensor',
  'free_gradient_with_graph',
  'freed_with_graph',
  'graph_cache',
  'is_composite',
  'is_foreign_module',
  'is_module',
  'keep_with_graph',
  'module_variables',
  'tfp_cache',
  'unwrapped',
]

tfb = tfp.bijectors

# `tfb.Chain` and `tfb.Invert` return these base classes if a part is not a
# composite tensor.
CHAIN = chain._Chain
INVERT = invert._Invert

AutoCompositeTensor: TypeAlias = tfp.experimental.AutoCompositeTensor
BijectorCache: TypeAlias = cache_util.BijectorCache
ParameterProperties = parameter_properties.ParameterProperties
BatchedComponentProperties = parameter_properties.BatchedComponentProperties
common_dtype = dtype_util.common_dtype
convert_nonref_to_tensor = tensor_util.convert_nonref_to_tensor

_BijectorMeta: Any = type(tfb.AutoCompositeTensorBijector)


class CompositeBijectorMeta(_BijectorMeta):
  """Makes each subclass of `FlowBijector` a composite tensor.

  TFP's metaclass registers all subclasses as 'tfp.bijectors.NAME', so that our
  `Chain` would replace TFP's. This one registers them under the name of their
  own module.
  """

  def __new__(mcs, name, bases, attributes):
    """Creates the class and registers it as a composite tensor."""
    cls = abc.ABCMeta.__new__(mcs, name, bases, attributes)
    return tfp.experimental.auto_composite_tensor(
      cls, omit_kwargs=('parameters',), non_identifying_kwargs=('name',)
    )

  def __call__(cls, *arguments, **options):
    """Creates a bijector and checks that its constructor made no Variable."""
    bijector = super().__call__(*arguments, **options)
    own = {
      key: value
      for key, value in vars(bijector).items()
      if isinstance(value, tf.Variable)
    }
    known = own and constructor_arguments(bijector).values()
    for key, value in own.items():
      if not any(value is argument for argument in known):
        raise ValueError(
          f'the constructor of {cls.__name__} creates the Variable {key!r}; '
          'create it in a factory function instead and pass it as an argument '
          'that the constructor stores under the same name.'
        )
    return bijector


class _CompositeModuleMeta(abc.ABCMeta):
  def __new__(mcs, name, bases, attributes):
    cls = super().__new__(mcs, name, bases, attributes)
    if cls.__init__ is tf.Module.__init__:
      return cls  # a base class that does not define a constructor
    return tfp.experimental.auto_composite_tensor(
      cls, non_identifying_kwargs=('name',)
    )


class CompositeModule(
  tf.Module,
  tfp.experimental.AutoCompositeTensor,
  metaclass=_CompositeModuleMeta,
):
  """A `tf.Module` that is a composite tensor of its constructor's arguments.

  Each argument must be an attribute of the same name, with or without a leading
  underscore. Its value must be a tensor, a Variable, a composite tensor, a list
  of only these, or a value without any tensors. Two modules whose arguments
  differ only in their tensors and in `name` share the trace of a `tf.function`
  that takes them.
  """


def checkpoint_keys(reader, name: str) -> list[str]:
  """Returns the keys of the Variables of one attribute in a checkpoint.

  A key itself does not tell this: a Variable that can be reached in several
  ways, for example also from the optimizer, has the key of any of them.

  Args:
    reader: What `tf.train.load_checkpoint` returns.
    name: Attribute of the object that was saved.

  Returns:
    A list, empty if there is no such attribute.
  """
  key = '_CHECKPOINTABLE_OBJECT_GRAPH'
  if not reader.has_tensor(key):
    return []
  graph = trackable_object_graph_pb2.TrackableObjectGraph()
  graph.ParseFromString(reader.get_tensor(key))
  nodes = graph.nodes
  todo = [c.node_id for c in nodes[0].children if c.local_name == name]
  seen = set()
  while todo:
    node = todo.pop()
    if node not in seen:
      seen.add(node)
      todo.extend(child.node_id for child in nodes[node].children)
  return [
    attribute.checkpoint_key
    for node in sorted(seen)
    for attribute in nodes[node].attributes
    if attribute.name == 'VARIABLE_VALUE'
  ]


def constructor_arguments(value: AutoCompositeTensor) -> dict:
  """Returns the constructor arguments of a composite tensor."""
  return auto_composite_tensor._extract_init_kwargs(
    value, omit_kwargs=('parameters',)
  )


@contextlib.contextmanager
def freed_with_graph():
  """Allows that a graph is freed although TensorFlow and TFP refer to it.

  `tf.custom_gradient` registers the gradient of each call in a graph, and TFP's
  cache keeps the tensors of a graph. Neither ever removes what it holds, so
  that each trace of a `tf.function` would keep its graph and all Variables of
  the flow in memory: https://github.com/tensorflow/tensorflow/issues/97697.
  This context manager, which is also a decorator, ends that for code inside it.
  The gradients then live as long as the graph, and the cache forgets the
  tensors at the end.

  Yields:
    None.
  """
  if tf.executing_eagerly():
    yield
    return
  gradients, cache = ops.gradient_registry, tfp_cache().storage
  old_gradients, old_keys = set(gradients.list()), list(cache)
  try:
    yield
  finally:
    for name in set(gradients.list()) - old_gradients:
      free_gradient_with_graph(name)
    old_ids = set(map(id, old_keys))
    for key in list(cache):
      if id(key) not in old_ids:
        key.cancel()  # TFP's callback would fail for a key that is not there
        cache.pop(key, None)


def free_gradient_with_graph(name: str) -> None:
  """Replaces a gradient of `tf.custom_gradient` by one that frees its graph.

  Args:
    name: Name under which TensorFlow has registered the gradient. Other
      gradients are left as they are.
  """
  gradients = ops.gradient_registry._registry
  entry = gradients.get(name, {})
  graph = entry.pop('graph', lambda: None)()
  if graph is None:
    return  # not of `tf.custom_gradient`, or replaced already
  gradient = entry['type']
  _keep(graph, gradient)
  reference = weakref.ref(gradient)

  def call(op, *upstream):
    return reference()(op, *upstream)

  entry['type'] = call
  weakref.finalize(graph, gradients.pop, name, None).atexit = False


class _GradientsWithGraphs(dict):
  """Gradients of TensorFlow by name, custom ones with references to graphs.

  TensorFlow registers the gradient while it builds the graph.
  """

  def __setitem__(self, name, entry):
    if name.startswith('CustomGradient') and not tf.executing_eagerly():
      graph = tf.compat.v1.get_default_graph()
      entry = {**entry, 'graph': weakref.ref(graph)}
    super().__setitem__(name, entry)


ops.gradient_registry._registry = _GradientsWithGraphs(
  ops.gradient_registry._registry
)


def graph_cache() -> dict:
  """Returns the storage of a `BijectorCache` for the graph that is being built.

  It belongs to the graph and is freed with it. TFP's own storage is global, and
  its entries keep all graphs alive.
  """
  graph = tf.compat.v1.get_default_graph()
  if not hasattr(graph, '_tfp_cinc_cache'):
    graph._tfp_cinc_cache = cache_util.EphemeralDict()
  return graph._tfp_cinc_cache


def tfp_cache() -> BijectorCache:
  """Returns the cache that all bijectors of TFP share."""
  return vars(tfb.Bijector)['_cache']


def is_composite(value) -> bool:
  """Returns whether `value` is a composite tensor."""
  return isinstance(value, tf.__internal__.CompositeTensor)


def keep_with_graph(value) -> None:
  """Keeps an object alive as long as the graph that is being built.

  A traced function has only weak references to the Variables that it reads. If
  a composite tensor is an argument of the function, its Variables belong to an
  object that exists only during the trace. TensorFlow would then fail with
  'Called a function referencing variables which have been deleted'.
  """
  if not tf.executing_eagerly():
    _keep(tf.compat.v1.get_default_graph(), value)


def _keep(graph, value):
  if not hasattr(graph, '_tfp_cinc_kept'):
    graph._tfp_cinc_kept = []
  graph._tfp_cinc_kept.append(value)


def is_module(value) -> bool:
  """Returns whether `value` is a `tf.Module` or a layer of Keras 3."""
  return isinstance(value, tf.Module) or is_foreign_module(value)


def is_foreign_module(value) -> bool:
  """Returns whether `value` has Variables that a `tf.Module` does not find.

  This is so for the layers of Keras 3: they are no modules.
  """
  trackable = tf.__internal__.tracking.AutoTrackable
  return (
    isinstance(value, trackable)
    and not isinstance(value, tf.Module)
    and hasattr(value, 'variables')
  )


def module_variables(value) -> list[tf.Variable]:
  """Returns the Variables of a module, such as a Keras model.

  Args:
    value: Any object. An object without `variables` has no Variables.

  Returns:
    A list of Variables.
  """
  return [unwrapped(v) for v in getattr(value, 'variables', ())]


def unwrapped(variable):
  """Returns the `tf.Variable` of a Variable of Keras.

  Keras 3 has a class of its own, and mixed-precision layers of `tf_keras` a
  wrapper.
  """
  value = getattr(variable, 'value', None)
  if isinstance(value, tf.Variable):
    return value
  return getattr(variable, '_variable', variable)
