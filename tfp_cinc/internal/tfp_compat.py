"""Non-public parts of TFP and TensorFlow that this package uses."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp
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
  'BijectorCache',
  'CompositeBijectorMeta',
  'CompositeModule',
  'ParameterProperties',
  'common_dtype',
  'constructor_arguments',
  'convert_nonref_to_tensor',
  'is_composite',
  'keep_with_graph',
  'module_variables',
  'unwrapped',
]

tfb = tfp.bijectors

# `tfb.Chain` and `tfb.Invert` return these base classes if a part is not a
# composite tensor.
CHAIN = chain._Chain
INVERT = invert._Invert

AutoCompositeTensor = tfp.experimental.AutoCompositeTensor
BijectorCache = cache_util.BijectorCache
ParameterProperties = parameter_properties.ParameterProperties
common_dtype = dtype_util.common_dtype
convert_nonref_to_tensor = tensor_util.convert_nonref_to_tensor


class CompositeBijectorMeta(type(tfb.AutoCompositeTensorBijector)):
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
    """Creates a bijector, and checks that its constructor made no Variable."""
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
          'pass it as an argument that is stored under its name, and create it '
          'in a function that makes the bijector.'
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


def constructor_arguments(value: AutoCompositeTensor) -> dict:
  """Returns the arguments that construct a composite tensor again."""
  return auto_composite_tensor._extract_init_kwargs(
    value, omit_kwargs=('parameters',)
  )


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
  if tf.executing_eagerly():
    return
  graph = tf.compat.v1.get_default_graph()
  if not hasattr(graph, '_tfp_cinc_kept'):
    graph._tfp_cinc_kept = []
  graph._tfp_cinc_kept.append(value)


def module_variables(value) -> list[tf.Variable]:
  """Returns the Variables of a `tf.Module`, such as a Keras model.

  Args:
    value: Any object. An object without `variables` has no Variables.

  Returns:
    A list of Variables.
  """
  return [unwrapped(v) for v in getattr(value, 'variables', ())]


def unwrapped(variable):
  """Returns a Variable without the wrapper of mixed-precision Keras layers."""
  return getattr(variable, '_variable', variable)
