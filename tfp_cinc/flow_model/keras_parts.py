"""Support for optimizers, callbacks and checkpoints of Keras and Horovod."""

import os

import numpy as np
import tensorflow as tf
import tf_keras

__all__ = [
  'check_callbacks',
  'check_checkpoint',
  'check_finite',
  'check_optimizer',
  'check_shapes',
  'check_weights_path',
  'compute_gradients',
  'create_slots',
  'horovod_of',
  'lower_loss_scale',
]

HOW_TO_SAVE = (
  'the code of a FlowModel cannot be saved: save its weights with '
  '`save_weights` or `ModelCheckpoint(..., save_weights_only=True)`, or write '
  'a SavedModel with `export`.'
)


def check_optimizer(optimizer) -> None:
  """Raises `ValueError` if an optimizer is not from `tf_keras`."""
  kinds = tf_keras.optimizers.Optimizer, tf_keras.optimizers.legacy.Optimizer
  _check_kind(optimizer, (str, dict, *kinds), 'optimizer')


def create_slots(optimizer, variables) -> None:
  """Creates the state of an optimizer for variables, such as Adam's moments."""
  if hasattr(optimizer, 'build'):
    optimizer.build(variables)
  else:  # a legacy optimizer
    optimizer._create_all_weights(variables)


def compute_gradients(optimizer, loss, variables, tape):
  """Returns the gradient of a loss, as the optimizer computes it.

  Args:
    optimizer: Optimizer of `tf_keras`, or Horovod's wrapper of one.
    loss: `Tensor` [].
    variables: Variables with respect to which the loss is differentiated.
    tape: Tape that recorded the loss.

  Returns:
    Pairs (gradient or None, variable). With Horovod the gradients are the means
    over all workers.
  """
  # A legacy optimizer has the same method under a private name.
  compute = getattr(optimizer, 'compute_gradients', None)
  compute = compute or optimizer._compute_gradients
  return compute(loss, variables, tape=tape)


def lower_loss_scale(optimizer) -> None:
  """Lowers the scale of a dynamic `LossScaleOptimizer` after an overflow.

  It does so itself only in `apply_gradients`, which also counts a step. Nothing
  happens to other optimizers.
  """
  kind = tf_keras.mixed_precision.LossScaleOptimizer
  if isinstance(optimizer, kind) and optimizer.dynamic:
    optimizer._loss_scale.update([tf.constant(np.nan)])


def horovod_of(optimizer):
  """Returns the Horovod module if the optimizer is from Horovod, else None."""
  inner = getattr(optimizer, 'inner_optimizer', optimizer)  # of a loss scale
  if not hasattr(inner, '_allreduce_grads'):
    return None
  import horovod.tensorflow as horovod

  return horovod


def check_callbacks(callbacks, optimizer=None):
  """Returns callbacks that work in `fit`; adapts those of Horovod in place.

  Args:
    callbacks: Callbacks, as in `tf_keras.Model.fit`.
    optimizer: Optimizer of the model, or None if it is not compiled.

  Returns:
    The same callbacks, or a list of them.

  Raises:
    ValueError: If a callback is not from `tf_keras`, or if it would fail during
      the training: because it saves more than weights, or because it changes a
      momentum that cannot change.
  """
  if isinstance(callbacks, tf_keras.callbacks.CallbackList):
    return callbacks
  callbacks = [] if callbacks is None else tf.nest.flatten(callbacks)
  for callback in callbacks:
    if type(callback).__module__.startswith('horovod.'):
      _adapt(callback, optimizer)
    _check_kind(callback, tf_keras.callbacks.Callback, 'callback')
    if isinstance(callback, tf_keras.callbacks.ModelCheckpoint):
      if not callback.save_weights_only:
        raise ValueError(HOW_TO_SAVE)
      check_weights_path(callback.filepath)
  return callbacks


def check_weights_path(path: str | os.PathLike) -> None:
  """Raises `ValueError` for a path of one of Keras's older file formats.

  These formats identify variables by name, and a flow has several variables of
  the same name.
  """
  path = os.fspath(path)
  if path.endswith(('.h5', '.keras')) and not path.endswith('.weights.h5'):
    raise ValueError(
      f"{path} has a format that cannot hold a flow's weights; end its name "
      "with '.weights.h5', or omit the extension for a TensorFlow checkpoint."
    )


def check_checkpoint(flow, path: str | os.PathLike) -> None:
  """Raises `ValueError` if a checkpoint is not that of weights of a flow.

  Keras itself silently skips the variables that do not match, and reads values
  that are not finite.

  Args:
    flow: Flow of the model, which is its attribute `flow`.
    path: Path, as in `load_weights`. Nothing is checked if it is not a
      checkpoint.
  """
  try:
    reader = tf.train.load_checkpoint(os.fspath(path))
  except (ValueError, tf.errors.OpError):
    return
  suffix = '/.ATTRIBUTES/VARIABLE_VALUE'
  held = {
    key: shape
    for key, shape in reader.get_variable_to_shape_map().items()
    if key.startswith('flow/')
    and key.endswith(suffix)
    and '/.OPTIMIZER_SLOT/' not in key
  }
  own = sorted(v.shape.as_list() for v in flow.variables)
  check_shapes(flow, sorted(held.values()), own)
  for key in held:
    check_finite(flow, key.removesuffix(suffix), reader.get_tensor(key))


def check_shapes(flow, held, own) -> None:
  """Raises `ValueError` if the shapes in a file are not those of a flow.

  Args:
    flow: Flow, for the error message.
    held: Shapes in the file.
    own: Shapes of the flow.
  """
  if held != own:
    raise ValueError(
      'the file contains the weights of another flow: their number or shapes '
      f'differ from those of {flow.name}.'
    )


def check_finite(flow, name: str, values) -> None:
  """Raises `ValueError` if weights in a file are not finite.

  Args:
    flow: Flow, for the error message.
    name: Name of the Variable.
    values: Array of its values.
  """
  if values.dtype.kind == 'f' and not np.all(np.isfinite(values)):
    raise ValueError(
      f'the file contains values of {name} that are not finite; the weights of '
      f'{flow.name} must be finite, so load an earlier file.'
    )


def _adapt(callback, optimizer):
  """Turns a callback of Horovod into one of `tf_keras`, in place.

  Horovod uses the Keras of TensorFlow, which is Keras 3 since TensorFlow 2.16.
  """
  # Only a legacy optimizer has its momentum as a Variable, which can change.
  momentum = getattr(optimizer, 'momentum', None)
  corrects = getattr(callback, 'momentum_correction', False)
  if corrects and isinstance(momentum, int | float):
    if momentum:
      kind = type(optimizer).__name__
      raise ValueError(
        f"Horovod's {type(callback).__name__} cannot correct the momentum "
        f'{momentum} of {kind}; pass it `momentum_correction=False`, or use '
        f'`tf_keras.optimizers.legacy.{kind}`.'
      )
    callback.momentum_correction = False  # There is nothing to correct.
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
      f'the {what} {kind.__module__}.{kind.__name__} is not from tf_keras; use '
      f'one of `tf_keras.{what}s`, because `tf.keras` is Keras 3 since '
      'TensorFlow 2.16.'
    )
