"""Optimizers and callbacks of Keras 3 in a model of `tf_keras`.

`keras` and `tf.keras` are Keras 3. It is imported only within functions, for an
object of Keras 3 that the user already has.
"""

import numpy as np
import tf_keras

__all__ = [
  'FinalizeVariables',
  'adapt_callback',
  'check_keras_3_callback',
  'check_keras_3_optimizer',
  'check_no_class',
  'is_keras_3',
  'load_optimizer',
  'save_optimizer',
]

_PREFIX = 'optimizer_'  # of the variables of an optimizer in a file


def is_keras_3(value) -> bool:
  """Returns whether a class of Keras 3 is among those of an object."""
  kinds = type(value).__mro__
  return any(kind.__module__.partition('.')[0] == 'keras' for kind in kinds)


def check_no_class(value, what: str) -> None:
  """Raises `ValueError` for a class in place of an object of it."""
  if isinstance(value, type):
    name = value.__name__
    raise ValueError(
      f'the {what} is the class {name}; pass an object, such as {name}(...).'
    )


def check_keras_3_optimizer(optimizer) -> None:
  """Raises `ValueError` for an object of Keras 3 that cannot train a flow."""
  import keras

  if not isinstance(optimizer, keras.optimizers.Optimizer):
    raise ValueError(
      f'the optimizer is a {type(optimizer).__name__}; it must be one of '
      '`keras.optimizers` or `tf_keras.optimizers`, or a name.'
    )
  if hasattr(optimizer, '_allreduce_grads'):
    raise ValueError(
      "Horovod's `DistributedOptimizer` does not support optimizers of Keras "
      '3; pass it one of `tf_keras.optimizers`.'
    )
  if keras.backend.backend() != 'tensorflow':
    raise ValueError(
      f'the backend of Keras 3 is {keras.backend.backend()}; its optimizers '
      'train a flow only with the backend tensorflow.'
    )


def check_keras_3_callback(callback) -> None:
  """Raises `ValueError` for a callback of Keras 3 that does not work here."""
  kinds = {kind.__name__ for kind in type(callback).__mro__}
  for kind in kinds & {'BackupAndRestore', 'OrbaxCheckpoint'}:
    raise ValueError(
      f'the callback keras.callbacks.{kind} needs a model of Keras 3; use '
      '`ModelCheckpoint(..., save_weights_only=True)`.'
    )


def adapt_callback(callback) -> None:
  """Turns a callback of Keras 3 into one of `tf_keras` too, in place."""
  kind = type(callback)
  # Keras 3 does not know that lower is better for our metrics.
  if getattr(callback, 'mode', None) == 'auto':
    callback.mode = 'min'
  if not isinstance(callback, tf_keras.callbacks.Callback):
    bases = (kind, tf_keras.callbacks.Callback)
    namespace = {'__module__': kind.__module__}
    callback.__class__ = type(kind.__name__, bases, namespace)


class FinalizeVariables(tf_keras.callbacks.Callback):
  """Lets an optimizer of Keras 3 end the training, as Keras 3 does.

  With `use_ema=True` the weights become their moving averages.
  """

  def on_train_end(self, logs=None):
    """Calls the optimizer."""
    variables = self.model.trainable_variables
    self.model.optimizer.finalize_variable_values(variables)


def save_optimizer(optimizer, store) -> None:
  """Stores the variables of an optimizer of Keras 3.

  Args:
    optimizer: Any optimizer, or None. `tf_keras` stores its own.
    store: Mapping from names to arrays.
  """
  if is_keras_3(optimizer):
    own: dict[str, np.ndarray] = {}
    optimizer.save_own_variables(own)
    for name, value in own.items():
      store[_PREFIX + name] = value


def load_optimizer(optimizer, store) -> None:
  """Loads what `save_optimizer` stored, if there is anything.

  Args:
    optimizer: Any optimizer, or None.
    store: Mapping from names to arrays.
  """
  own = {
    name.removeprefix(_PREFIX): store[name]
    for name in store
    if name.startswith(_PREFIX)
  }
  if own and is_keras_3(optimizer):
    optimizer.load_own_variables(own)
