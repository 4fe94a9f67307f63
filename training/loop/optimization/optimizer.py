"""The optimizer that a configuration names."""

import tensorflow as tf
import tf_keras

from ...errors import UserError
from .adamw import AdamW
from .muon import Muon, network_kernels

__all__ = ['build_optimizer']


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
    UserError: If the optimizer is Muon and the module has no kernels for it, or
      it is Adamax and there is weight decay.
  """
  beta_2, decay = config.beta_2, config.weight_decay
  if config.optimizer == 'muon':
    kernels = network_kernels(module)
    if not kernels:
      raise UserError(
        "config.train.optimizer is 'muon', which is for flows whose networks "
        'are convolutional or transformers; the networks of this flow are '
        "neither: use 'adam'."
      )
    optimizer = Muon(learning_rate, kernels, beta_2, decay)
  elif config.optimizer == 'adam':
    optimizer = AdamW(learning_rate, beta_2, decay)
  elif decay:
    raise UserError(
      f'config.train.weight_decay is {decay:g}, which adamax does not have; '
      "set it to 0, or config.train.optimizer to 'adam'."
    )
  else:
    optimizer = tf_keras.optimizers.legacy.Adamax(learning_rate, beta_2=beta_2)
  optimizer._create_all_weights(list(module.trainable_variables))
  return optimizer
