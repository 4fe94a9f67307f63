"""Networks of a bounded Lipschitz constant."""

import functools
from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.dense_jacobian import (
  DenseJacobian,
  apply_dense_layers,
  lip_swish,
)
from tfp_cinc.networks.dense_variables import (
  check_dense_shapes,
  dense_variables,
)

__all__ = ['LipschitzNetwork']


class LipschitzNetwork(tf.Module):
  """A fully connected network g with Lip(g) <= coefficient, for all parameters.

  ```
  g(x) = W_n f(... f(W_1 x + b_1) ...) + b_n
  ```

  with LipSwish activations f, whose derivatives are at most 1, and each weight
  divided by max(1, sigma / coefficient^(1/n)), where sigma is its largest
  singular value: not an estimate of it by a power iteration, but the root of
  the largest eigenvalue of the smaller Gram matrix, so that the bound holds at
  each step of training and sigma has its gradient.

  Behrmann et al. 2019 (Invertible Residual Networks), section 2.1;
  Chen et al. 2019 (Residual Flows), section 3.3.

  #### Example

  >>> network = LipschitzNetwork.trainable(4, hidden_channels=8, num_layers=1)
  >>> network(tf.ones([5, 4])).shape
  TensorShape([5, 4])

  Args:
    weights: n >= 2 tensors or Variables [D_{i-1}, D_i], D_n = D_0 = D.
    biases: n tensors or Variables [D_i].
    raw_steepness: `Tensor` or `Variable` [n - 1]: the steepness of the hidden
      layers' LipSwish is its softplus.
    coefficient: the bound, between 0 and 1.

  Raises:
    ValueError: if a shape or `coefficient` is not as above.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    raw_steepness,
    coefficient: float = 0.9,
    name: str = 'lipschitz_network',
  ):
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [*weights, *biases, raw_steepness], dtype_hint=tf.float32
    )
    self.weights = [convert(weight, dtype=dtype) for weight in weights]
    self.biases = [convert(bias, dtype=dtype) for bias in biases]
    self.raw_steepness = convert(raw_steepness, dtype=dtype)
    self.coefficient = coefficient
    self.dtype = dtype
    if not 0 < coefficient < 1:
      raise ValueError(
        f'`coefficient` is {coefficient}; it must be between 0 and 1, so that '
        'x + g(x) has an inverse.'
      )
    self.size = check_dense_shapes(self.weights, self.biases)[0]
    num_layers = len(weights) - 1
    if tuple(self.raw_steepness.shape) != (num_layers,):
      raise ValueError(
        f'`raw_steepness` has shape {tuple(self.raw_steepness.shape)}; with '
        f'{num_layers} hidden layers it must be [{num_layers}].'
      )

  @classmethod
  def trainable(
    cls,
    size: int,
    hidden_channels: int,
    num_layers: int,
    coefficient: float = 0.9,
    *,
    seed: int | None = None,
    dtype=tf.float32,
    name: str = 'lipschitz_network',
  ) -> 'LipschitzNetwork':
    """A network of new Variables whose output starts small.

    Args:
      size: D, of input and output.
      hidden_channels: size of the hidden layers.
      num_layers: number of hidden layers, at least 1.
      coefficient: the bound of the Lipschitz constant.
      seed: of the initial weights; None draws others each time.
      dtype: floating dtype.
      name: name of the module.

    Returns:
      `LipschitzNetwork`.

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
      start = tf.fill([num_layers], tf.cast(0.5, dtype))
      raw_steepness = tf.Variable(start, name='raw_steepness')
      return cls(weights, biases, raw_steepness, coefficient, name=name)

  def bounded_weights(self) -> list[tf.Tensor]:
    """The weights as g uses them, of norm <= coefficient^(1/n)."""
    bound = self.coefficient ** (1 / len(self.weights))
    return [_bounded(weight, bound) for weight in self.weights]

  def evaluate(
    self, x: tf.Tensor, weights: list[tf.Tensor] | None = None
  ) -> tuple[tf.Tensor, DenseJacobian]:
    """The network and its Jacobian.

    Args:
      x: `Tensor` [..., D].
      weights: what `bounded_weights` returned, where it has been called.

    Returns:
      (g(x) [..., D], its `DenseJacobian`).
    """
    steepness = tf.unstack(tf.math.softplus(self.raw_steepness))
    return apply_dense_layers(
      x,
      self.bounded_weights() if weights is None else weights,
      self.biases,
      [functools.partial(lip_swish, steepness=s) for s in steepness],
    )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """g(x) for `Tensor` x [..., D]."""
    return self.evaluate(x)[0]


def _bounded(weight, bound):
  """weight / max(1, norm / bound)."""
  weight = tf.convert_to_tensor(weight)
  is_wide = weight.shape[0] < weight.shape[1]
  gram = tf.matmul(weight, weight, transpose_a=not is_wide, transpose_b=is_wide)
  squared = tf.reduce_max(tf.linalg.eigvalsh(gram))
  # The root after the maximum: its derivative at 0 is not finite.
  return weight / tf.sqrt(tf.maximum(squared / bound**2, 1.0))
