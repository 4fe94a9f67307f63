"""The AdamW optimizer: Adam with decoupled weight decay."""

import tensorflow as tf
import tf_keras

__all__ = ['AdamW']


# The legacy optimizers have one kernel per variable. The newer Adam builds its
# update from about 35 operations per variable, which takes longer to trace than
# the whole flow.
class AdamW(tf_keras.optimizers.legacy.Adam):
  """Adam whose steps also make all weights smaller.

      weight -= rate * (m / (sqrt(v) + epsilon) + weight_decay * weight)

  where m and v are Adam's moments, without bias.

  #### References

  Loshchilov and Hutter 2017, [Decoupled Weight Decay
  Regularization](https://arxiv.org/abs/1711.05101), algorithm 2, whose schedule
  multiplier is part of the rate here.
  """

  def __init__(
    self,
    learning_rate,
    beta_2: float = 0.999,
    weight_decay: float = 0.0,
    name: str = 'Adam',
  ):
    """Creates the optimizer.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      beta_2: Decay of the second moments.
      weight_decay: Decay of all weights, relative to the learning rate.
      name: Name of the optimizer.
    """
    super().__init__(learning_rate, beta_2=beta_2, name=name)
    self._weight_decay = weight_decay

  def _resource_apply_dense(self, grad, var, apply_state=None):
    self._decay(var, apply_state)
    return super()._resource_apply_dense(grad, var, apply_state)

  def _decay(self, var: tf.Variable, apply_state: dict) -> None:
    """Makes a Variable smaller, if there is weight decay."""
    if self._weight_decay:
      rate = apply_state[(var.device, var.dtype.base_dtype)]['lr_t']
      var.assign_sub(rate * self._weight_decay * var)
