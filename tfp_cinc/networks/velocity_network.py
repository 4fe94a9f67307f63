"""Networks of time and position, for continuous flows."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.dense_jacobian import (
  DenseJacobian,
  apply_dense_layers,
)
from tfp_cinc.networks.dense_condition import (
  ConditionalDenseNetwork,
  condition_variables,
)
from tfp_cinc.networks.dense_variables import (
  check_dense_shapes,
  dense_variables,
)

__all__ = ['VelocityNetwork', 'trainable_velocity_network']


class VelocityNetwork(ConditionalDenseNetwork):
  """A fully connected network f(t, x): the velocity of x at time t.

  ```
  f(t, x) = W_n tanh(... tanh(W_1 x + b_1 + t a_1) ...) + b_n + t a_n
  ```

  A condition c adds V_j c to each bias b_j.

  Cost: O(D_{i-1} D_i) for each layer and event.

  #### Example

  >>> network = trainable_velocity_network(4, hidden_channels=8, num_layers=1)
  >>> network(0.5, tf.ones([5, 4])).shape
  TensorShape([5, 4])

  #### References

  Grathwohl et al. 2019, [FFJORD](https://arxiv.org/abs/1810.01367); Chen et al.
  2018, [Neural Ordinary Differential
  Equations](https://arxiv.org/abs/1806.07366), section 4.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    time_weights: Sequence,
    condition_weights: Sequence = (),
    condition: TensorLike | None = None,
    name: str = 'velocity_network',
  ):
    """Stores the parameters.

    Args:
      weights: Sequence of n >= 2 tensors or Variables [D_{i-1}, D_i], with D_n
        = D_0 = D.
      biases: Sequence of n tensors or Variables [D_i].
      time_weights: Sequence of n tensors or Variables a_i [D_i].
      condition_weights: Sequence of n tensors or Variables V_j [K, D_j]. It is
        empty for a network without a condition.
      condition: Condition c, `Tensor` [..., K], or None if it is still missing.
      name: Name of the module.

    Raises:
      ValueError: If a shape is not as described above.
    """
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [*weights, *biases, *time_weights, *condition_weights],
      dtype_hint=tf.float32,
    )
    self.weights = [convert(weight, dtype=dtype) for weight in weights]
    self.biases = [convert(bias, dtype=dtype) for bias in biases]
    self.time_weights = [
      convert(weight, dtype=dtype) for weight in time_weights
    ]
    self.dtype = dtype
    sizes = check_dense_shapes(self.weights, self.biases)
    self.size = sizes[0]
    self._set_condition(condition_weights, condition, dtype)
    shapes = [tuple(weight.shape) for weight in self.time_weights]
    if shapes != [(size,) for size in sizes[1:]]:
      raise ValueError(
        f'`time_weights` have the shapes {shapes}; they must have those of '
        f'`biases`, {[(size,) for size in sizes[1:]]}.'
      )

  def parameters(self, x: tf.Tensor | None = None) -> list[list[tf.Tensor]]:
    """Returns the values of the weights, the biases and the time weights.

    The biases include the condition; they have its batch shape.

    Args:
      x: `Tensor` [..., D], for a check of the shape of the condition.
    """
    return tf.nest.map_structure(
      tf.convert_to_tensor,
      [
        list(self.weights),
        self.conditioned_biases(x),
        list(self.time_weights),
      ],
    )

  @staticmethod
  def evaluate(
    time: tf.Tensor, x: tf.Tensor, parameters: list[list[tf.Tensor]]
  ) -> tuple[tf.Tensor, DenseJacobian]:
    """Returns the velocity and its Jacobian with respect to x.

    Args:
      time: Time t, `Tensor` [].
      x: `Tensor` [..., D].
      parameters: Result of the method `parameters`.

    Returns:
      (f(t, x), Jacobian): `Tensor` [..., D] and `DenseJacobian`.
    """
    weights, biases, time_weights = parameters
    biases = [
      bias + time * weight
      for bias, weight in zip(biases, time_weights, strict=True)
    ]
    return apply_dense_layers(x, weights, biases, [_tanh] * (len(weights) - 1))

  def __call__(self, time: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Returns f(t, x) for tensors t [] and x [..., D]."""
    return self.evaluate(time, x, self.parameters())[0]


def trainable_velocity_network(
  size: int,
  hidden_channels: int,
  num_layers: int,
  *,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'velocity_network',
) -> VelocityNetwork:
  """Returns a trainable `VelocityNetwork` whose initial output is small.

  Args:
    size: Size D of the input and the output.
    hidden_channels: Size of the hidden layers.
    num_layers: Number of hidden layers, at least 1.
    condition_channels: Number of elements K of the condition, 0 for none.
    seed: Seed of the initial weights. None draws new ones.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, there is no hidden layer, or
      `condition_channels` is negative.
  """
  with tf.name_scope(name):
    sizes = [size, *[hidden_channels] * num_layers, size]
    weights, biases = dense_variables(
      sizes, last_scale=0.1, seed=seed, dtype=dtype
    )
    time_weights = [
      tf.Variable(tf.zeros_like(bias), name=f'time_weight_{i}')
      for i, bias in enumerate(biases)
    ]
    condition_weights = condition_variables(
      condition_channels, sizes[1:], dtype
    )
    return VelocityNetwork(
      weights, biases, time_weights, condition_weights, name=name
    )


def _tanh(x):
  """Returns tanh(x) and its derivative."""
  y = tf.tanh(x)
  return y, 1 - y**2
