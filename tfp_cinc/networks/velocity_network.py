"""Networks of time and place."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.dense_jacobian import (
  DenseJacobian,
  apply_dense_layers,
)
from tfp_cinc.networks.dense_variables import (
  check_dense_shapes,
  dense_variables,
)

__all__ = ['VelocityNetwork']


class VelocityNetwork(tf.Module):
  """A fully connected network f(t, x): the velocity of x at time t.

  ```
  f(t, x) = W_n tanh(... tanh(W_1 x + b_1 + t a_1) ...) + b_n + t a_n
  ```

  #### Example

  >>> network = VelocityNetwork.trainable(4, hidden_channels=8, num_layers=1)
  >>> network(0.5, tf.ones([5, 4])).shape
  TensorShape([5, 4])

  Args:
    weights: n >= 2 tensors or Variables [D_{i-1}, D_i], D_n = D_0 = D.
    biases: n tensors or Variables [D_i].
    time_weights: n tensors or Variables [D_i], the a_i.

  Raises:
    ValueError: if a shape is not as above.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    time_weights: Sequence,
    name: str = 'velocity_network',
  ):
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [*weights, *biases, *time_weights], dtype_hint=tf.float32
    )
    self.weights = [convert(weight, dtype=dtype) for weight in weights]
    self.biases = [convert(bias, dtype=dtype) for bias in biases]
    self.time_weights = [
      convert(weight, dtype=dtype) for weight in time_weights
    ]
    self.dtype = dtype
    sizes = check_dense_shapes(self.weights, self.biases)
    self.size = sizes[0]
    shapes = [tuple(weight.shape) for weight in self.time_weights]
    if shapes != [(size,) for size in sizes[1:]]:
      raise ValueError(
        f'`time_weights` have the shapes {shapes}; they must have those of '
        f'`biases`, {[(size,) for size in sizes[1:]]}.'
      )

  @classmethod
  def trainable(
    cls,
    size: int,
    hidden_channels: int,
    num_layers: int,
    *,
    seed: int | None = None,
    dtype=tf.float32,
    name: str = 'velocity_network',
  ) -> 'VelocityNetwork':
    """A network of new Variables whose output starts small.

    Args:
      size: D, of input and output.
      hidden_channels: size of the hidden layers.
      num_layers: number of hidden layers, at least 1.
      seed: of the initial weights; None draws others each time.
      dtype: floating dtype.
      name: name of the module.

    Returns:
      `VelocityNetwork`.

    Raises:
      ValueError: if an argument is not as above.
    """
    with tf.name_scope(name):
      weights, biases = dense_variables(
        [size, *[hidden_channels] * num_layers, size],
        last_scale=0.1,
        seed=seed,
        dtype=dtype,
      )
      time_weights = [
        tf.Variable(tf.zeros_like(bias), name=f'time_weight_{i}')
        for i, bias in enumerate(biases)
      ]
      return cls(weights, biases, time_weights, name=name)

  def parameters(self) -> list[list[tf.Tensor]]:
    """The values of weights, biases and weights of time."""
    return tf.nest.map_structure(
      tf.convert_to_tensor,
      [list(self.weights), list(self.biases), list(self.time_weights)],
    )

  @staticmethod
  def evaluate(
    time: tf.Tensor, x: tf.Tensor, parameters: list[list[tf.Tensor]]
  ) -> tuple[tf.Tensor, DenseJacobian]:
    """The velocity and its Jacobian in x, as a function of the parameters.

    Args:
      time: t, `Tensor` [].
      x: `Tensor` [..., D].
      parameters: what the method `parameters` returns.

    Returns:
      (f(t, x) [..., D], its `DenseJacobian`).
    """
    weights, biases, time_weights = parameters
    biases = [
      bias + time * weight
      for bias, weight in zip(biases, time_weights, strict=True)
    ]
    return apply_dense_layers(x, weights, biases, [_tanh] * (len(weights) - 1))

  def __call__(self, time: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """f(t, x) for `Tensor` t [] and x [..., D]."""
    return self.evaluate(time, x, self.parameters())[0]


def _tanh(x):
  """tanh(x) and its derivative."""
  y = tf.tanh(x)
  return y, 1 - y**2
