"""The optimizer that a configuration names."""

import tensorflow as tf
import tf_keras

from ...errors import UserError
from .muon import Muon, network_kernels

__all__ = ['build_optimizer']

# The legacy optimizers have one kernel per variable. The newer Adam builds its
# update from about 35 operations per variable, which takes longer to trace than
# the whole flow.
_OPTIMIZERS = {
  'adam': tf_keras.optimizers.legacy.Adam,
  'adamax': tf_keras.optimizers.legacy.Adamax,
}


def build_optimizer(
  config,
  module: tf.Module,
  learning_rate: tf_keras.optimizers.schedules.LearningRateSchedule,
) -> tf_keras.optimizers.legacy.Optimizer:
  """Builds the optimizer `config.optimizer` and its slot variables.

  Args:
    config: The `train` section of a configuration.
    module: Module whose trainable variables are trained.
    learning_rate: Learning rate by step.

  Returns:
    A legacy optimizer of `tf_keras`.

  Raises:
    UserError: If the optimizer is Muon and the module has no kernels for it.
  """
  if config.optimizer == 'muon':
    kernels = network_kernels(module)
    if not kernels:
      raise UserError(
        "config.train.optimizer is 'muon', which is for flows whose networks "
        "are convolutional; the networks of this flow are not: use 'adam'."
      )
    optimizer = Muon(learning_rate, kernels)
  else:
    optimizer = _OPTIMIZERS[config.optimizer](learning_rate)
  optimizer._create_all_weights(list(module.trainable_variables))
  return optimizer
