"""What follows from the weights alone, kept while they do not change."""

from collections.abc import Callable

import tensorflow as tf

from tfp_cinc.internal import switches

__all__ = ['derived', 'forget']


def derived(
  module: tf.Module, name: str, compute: Callable[[], tf.Tensor]
) -> tf.Tensor:
  """`compute()`, or what is kept of it within `tfp_cinc.frozen_weights`.

  Args:
    module: whose weights it follows from.
    name: of what is computed, one for each value that the module can have.
    compute: function of the module's Variables alone.

  Returns:
    The value of `compute()`.
  """
  if not switches.frozen.is_on:
    return compute()
  kept = getattr(module, '_derived', {})
  if name not in kept:
    value = compute()
    if not tf.executing_eagerly():
      return value
    # A Variable, so that a function of the module's Variables has it too.
    kept[name] = tf.Variable(value, trainable=False, name=name)
    module._derived = kept
  return tf.convert_to_tensor(kept[name])


def forget(module: tf.Module) -> None:
  """Lets go of all that `derived` has kept for a module."""
  if '_derived' in vars(module):
    del module._derived
