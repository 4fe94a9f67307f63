"""Optimizers and callbacks that are not all of one Keras."""

import os

import tensorflow as tf
import tf_keras

__all__ = [
  'check_callbacks',
  'check_checkpoint',
  'check_optimizer',
  'check_shapes',
  'check_weights_path',
  'compute_gradients',
  'create_slots',
  'horovod_of',
]

HOW_TO_SAVE = (
  'a FlowModel is not saved with its code: keep its weights by `save_weights` '
  'or `ModelCheckpoint(..., save_weights_only=True)`, and write a SavedModel '
  'by `export`.'
)


def check_optimizer(optimizer) -> None:
  """Raises `ValueError` for an optimizer that is not of `tf_keras`."""
  kinds = tf_keras.optimizers.Optimizer, tf_keras.optimizers.legacy.Optimizer
  _check_kind(optimizer, (str, dict, *kinds), 'optimizer')


def create_slots(optimizer, variables) -> None:
  """Creates what an optimizer keeps for variables, such as Adam's moments."""
  if hasattr(optimizer, 'build'):
    optimizer.build(variables)
  else:  # a legacy one
    optimizer._create_all_weights(variables)


def compute_gradients(optimizer, loss, variables, tape):
  """The gradient of a loss by the optimizer, which may change it.

  Args:
    optimizer: of `tf_keras`, or Horovod's of one.
    loss: `Tensor` [].
    variables: to differentiate by.
    tape: what recorded the loss.

  Returns:
    (gradient or None, variable) pairs: with Horovod the mean over workers.
  """
  # A legacy optimizer's own is the same, but private.
  compute = getattr(optimizer, 'compute_gradients', None)
  compute = compute or optimizer._compute_gradients
  return compute(loss, variables, tape=tape)


def horovod_of(optimizer):
  """Horovod, where the optimizer is its `DistributedOptimizer`, else None."""
  if not hasattr(optimizer, '_allreduce_grads'):
    return None
  import horovod.tensorflow as horovod

  return horovod


def check_callbacks(callbacks):
  """Callbacks that work in `fit`; Horovod's are changed so that they do.

  Args:
    callbacks: as `tf_keras.Model.fit` takes them.

  Returns:
    The same, or a list of them.

  Raises:
    ValueError: if one is not of `tf_keras`, or would fail at the end of an
      epoch as it would save more than weights.
  """
  if isinstance(callbacks, tf_keras.callbacks.CallbackList):
    return callbacks
  callbacks = [] if callbacks is None else tf.nest.flatten(callbacks)
  for callback in callbacks:
    if type(callback).__module__.startswith('horovod.'):
      _adapt(callback)
    _check_kind(callback, tf_keras.callbacks.Callback, 'callback')
    if isinstance(callback, tf_keras.callbacks.ModelCheckpoint):
      if not callback.save_weights_only:
        raise ValueError(HOW_TO_SAVE)
      check_weights_path(callback.filepath)
  return callbacks


def check_weights_path(path: str | os.PathLike) -> None:
  """Raises `ValueError` for a file of Keras's older format.

  It has a data set for each variable's name, and flows have variables of the
  same name.
  """
  path = os.fspath(path)
  if path.endswith(('.h5', '.keras')) and not path.endswith('.weights.h5'):
    raise ValueError(
      f"{path} is of a format that cannot hold a flow's weights; end its name "
      "with '.weights.h5', or with neither for a checkpoint of TensorFlow."
    )


def check_checkpoint(flow, path: str | os.PathLike) -> None:
  """Raises `ValueError` where a checkpoint of TensorFlow is of another flow.

  Keras reads of one whatever it finds a place for.

  Args:
    flow: of the model, whose attribute `flow` it is.
    path: as `load_weights` takes it; what is no checkpoint is left to Keras.
  """
  try:
    reader = tf.train.load_checkpoint(os.fspath(path))
  except (ValueError, tf.errors.OpError):
    return
  held = sorted(
    shape
    for key, shape in reader.get_variable_to_shape_map().items()
    if key.startswith('flow/')
    and key.endswith('/.ATTRIBUTES/VARIABLE_VALUE')
    and '/.OPTIMIZER_SLOT/' not in key
  )
  check_shapes(flow, held, sorted(v.shape.as_list() for v in flow.variables))


def check_shapes(flow, held, own) -> None:
  """Raises `ValueError` where the shapes of a file are not those of a flow."""
  if held != own:
    raise ValueError(
      'the file holds weights of another flow: their number or shapes differ '
      f'from those of {flow.name}.'
    )


def _adapt(callback):
  """Horovod has the Keras of TensorFlow, which is Keras 3 from 2.16 on."""
  kind = type(callback)
  if not isinstance(callback, tf_keras.callbacks.Callback):
    bases = (kind, tf_keras.callbacks.Callback)
    namespace = {'__module__': kind.__module__}
    callback.__class__ = type(kind.__name__, bases, namespace)
  callback.backend = tf_keras.backend


def _check_kind(value, kinds, what):
  if not isinstance(value, kinds):
    kind = type(value)
    raise ValueError(
      f'the {what} {kind.__module__}.{kind.__name__} is not of tf_keras; take '
      f'one of `tf_keras.{what}s`, as `tf.keras` is Keras 3 from TensorFlow '
      '2.16 on.'
    )
