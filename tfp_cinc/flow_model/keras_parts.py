"""Support for callbacks and checkpoints of Keras and Horovod."""

import os

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc.flow_model.keras_3 import (
  FinalizeVariables,
  adapt_callback,
  check_keras_3_callback,
  check_no_class,
  is_keras_3,
)
from tfp_cinc.internal import tfp_compat

__all__ = [
  'check_callbacks',
  'check_checkpoint',
  'check_finite',
  'check_shapes',
  'check_weights_path',
]

HOW_TO_SAVE = (
  'the code of a FlowModel cannot be saved: save its weights with '
  '`save_weights` or `ModelCheckpoint(..., save_weights_only=True)`, or write '
  'a SavedModel with `export`.'
)


# They read or change the optimizer in ways that Keras 3 does not support.
_OF_TF_KERAS_OPTIMIZERS = (
  tf_keras.callbacks.BackupAndRestore,
  tf_keras.callbacks.LearningRateScheduler,
  tf_keras.callbacks.ReduceLROnPlateau,
  tf_keras.callbacks.TensorBoard,
)


def check_callbacks(callbacks, optimizer=None):
  """Returns callbacks that work in `fit`.

  Callbacks of Horovod and Keras 3 are adapted in place.

  Args:
    callbacks: Callbacks, as in `tf_keras.Model.fit`.
    optimizer: Optimizer of the model, or None if it is not compiled.

  Returns:
    The same callbacks, or a list of them and those that the optimizer needs.

  Raises:
    ValueError: If a callback is not from Keras, or if it would fail during the
      training: because it saves more than weights, changes a momentum that
      cannot change, or does not work with the optimizer.
  """
  if isinstance(callbacks, tf_keras.callbacks.CallbackList):
    return callbacks
  callbacks = [] if callbacks is None else tf.nest.flatten(callbacks)
  for callback in callbacks:
    check_no_class(callback, 'callback')
    kind = type(callback)
    name = f'{kind.__module__}.{kind.__name__}'
    if kind.__module__.startswith('horovod.'):
      _check_momentum(callback, optimizer)
      adapt_callback(callback)
      callback.backend = tf_keras.backend
    elif is_keras_3(callback) and hasattr(callback, 'on_train_begin'):
      check_keras_3_callback(callback)
      adapt_callback(callback)
    if not isinstance(callback, tf_keras.callbacks.Callback):
      raise ValueError(
        f'the callback is a {name}; it must be one of `keras.callbacks` or '
        '`tf_keras.callbacks`.'
      )
    if is_keras_3(optimizer) and isinstance(callback, _OF_TF_KERAS_OPTIMIZERS):
      other = 'a callback of `keras.callbacks`'
      if isinstance(callback, tf_keras.callbacks.BackupAndRestore):
        other = '`ModelCheckpoint(..., save_weights_only=True)`'
      raise ValueError(
        f'the callback tf_keras.callbacks.{kind.__name__} does not work with '
        f'an optimizer of Keras 3; use {other}.'
      )
    if getattr(callback, 'save_weights_only', None) is not None:
      if not callback.save_weights_only:
        raise ValueError(HOW_TO_SAVE)
      check_weights_path(callback.filepath)
  if is_keras_3(optimizer):
    # Before a callback that puts the best weights back.
    callbacks = [FinalizeVariables(), *callbacks]
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
  held = tfp_compat.checkpoint_keys(reader, 'flow')
  shapes = reader.get_variable_to_shape_map()
  own = sorted(v.shape.as_list() for v in flow.variables)
  check_shapes(flow, sorted(shapes[key] for key in held), own)
  for key in held:
    check_finite(flow, key.partition('/.ATTR')[0], reader.get_tensor(key))


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


def _check_momentum(callback, optimizer):
  """Raises `ValueError` if a callback of Horovod would change a constant.

  Only a legacy optimizer has its momentum as a Variable, which can change.
  """
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
