"""Networks with a bounded Lipschitz constant."""

import functools
from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.dense_jacobian import (
  DenseJacobian,
  apply_dense_layers,
  lip_swish,
)
from tfp_cinc.networks.dense_condition import (
  ConditionalDenseNetwork,
  condition_variables,
)
from tfp_cinc.networks.dense_variables import (
  check_dense_shapes,
  dense_variables,
)

__all__ = ['LipschitzNetwork', 'trainable_lipschitz_network']


class LipschitzNetwork(ConditionalDenseNetwork):
  """A fully connected network g with Lip(g) <= coefficient.

  ```
  g(x) = W_n f(... f(W_1 x + b_1) ...) + b_n
  ```

  The bound holds for all values of the parameters. The activations f are
  LipSwish, whose derivatives are at most 1. Each weight is divided by max(1,
  sigma / coefficient^(1/n)), where sigma is its largest singular value. sigma
  is not estimated by power iteration: it is the square root of the largest
  eigenvalue of the smaller Gram matrix. The bound therefore holds at each
  training step, and the gradient of sigma is exact.

  A condition c adds V_j c to each bias b_j. The bound holds for each c.

  Cost: O(D_{i-1} D_i) for each layer and event, and O(D_{i-1} D_i min(D_{i-1},
  D_i)) for sigma, once for each call.

  #### Example

  >>> network = trainable_lipschitz_network(4, hidden_channels=8, num_layers=1)
  >>> network(tf.ones([5, 4])).shape
  TensorShape([5, 4])

  #### References

  Behrmann et al. 2019, [Invertible Residual
  Networks](https://arxiv.org/abs/1811.00995), section 2.1; Chen et al. 2019,
  [Residual Flows for Invertible Generative
  Modeling](https://arxiv.org/abs/1906.02735), section 3.3.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    raw_steepness: TensorLike,
    coefficient: float = 0.9,
    condition_weights: Sequence = (),
    condition: TensorLike | None = None,
    name: str = 'lipschitz_network',
  ):
    """Stores the parameters.

    Args:
      weights: Sequence of n >= 2 tensors or Variables [D_{i-1}, D_i], with D_n
        = D_0 = D.
      biases: Sequence of n tensors or Variables [D_i].
      raw_steepness: `Tensor` or `Variable` [n - 1]. Its softplus is the
        steepness of the LipSwish of each hidden layer.
      coefficient: Bound of the Lipschitz constant, between 0 and 1.
      condition_weights: Sequence of n tensors or Variables V_j [K, D_j]. It is
        empty for a network without a condition.
      condition: Condition c, `Tensor` [..., K], or None if it is still missing.
      name: Name of the module.

    Raises:
      ValueError: If a shape or `coefficient` is not as described above.
    """
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [*weights, *biases, *condition_weights, raw_steepness],
      dtype_hint=tf.float32,
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
    self._set_condition(condition_weights, condition, dtype)
    num_layers = len(weights) - 1
    if tuple(self.raw_steepness.shape) != (num_layers,):
      raise ValueError(
        f'`raw_steepness` has shape {tuple(self.raw_steepness.shape)}; with '
        f'{num_layers} hidden layers it must be [{num_layers}].'
      )

  def bounded_weights(self) -> list[tf.Tensor]:
    """Returns the weights that g uses, with norms <= coefficient^(1/n)."""
    bound = self.coefficient ** (1 / len(self.weights))
    return [_bounded(weight, bound) for weight in self.weights]

  def evaluate(
    self, x: tf.Tensor, weights: list[tf.Tensor] | None = None
  ) -> tuple[tf.Tensor, DenseJacobian]:
    """Returns the output and the Jacobian of the network.

    Args:
      x: `Tensor` [..., D].
      weights: Result of `bounded_weights`. None computes it.

    Returns:
      (g(x), Jacobian): `Tensor` [..., D] and `DenseJacobian`.
    """
    steepness = tf.unstack(tf.math.softplus(self.raw_steepness))
    return apply_dense_layers(
      x,
      self.bounded_weights() if weights is None else weights,
      self.conditioned_biases(x),
      [functools.partial(lip_swish, steepness=s) for s in steepness],
    )

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Returns g(x) for a `Tensor` x [..., D]."""
    return self.evaluate(x)[0]


def trainable_lipschitz_network(
  size: int,
  hidden_channels: int,
  num_layers: int,
  coefficient: float = 0.9,
  *,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'lipschitz_network',
) -> LipschitzNetwork:
  """Returns a trainable `LipschitzNetwork` whose initial output is small.

  Args:
    size: Size D of the input and the output.
    hidden_channels: Size of the hidden layers.
    num_layers: Number of hidden layers, at least 1.
    coefficient: Bound of the Lipschitz constant, between 0 and 1.
    condition_channels: Number of elements K of the condition, 0 for none.
    seed: Seed of the initial weights. None draws new ones.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, there is no hidden layer,
      `coefficient` is not between 0 and 1, or `condition_channels` is negative.
  """
  with tf.name_scope(name):
    sizes = [size, *[hidden_channels] * num_layers, size]
    weights, biases = dense_variables(
      sizes, last_scale=0.1, seed=seed, dtype=dtype
    )
    start = tf.fill([num_layers], tf.cast(0.5, dtype))
    raw_steepness = tf.Variable(start, name='raw_steepness')
    return LipschitzNetwork(
      weights,
      biases,
      raw_steepness,
      coefficient,
      condition_variables(condition_channels, sizes[1:], dtype),
      name=name,
    )


def _bounded(weight, bound):
  """Returns weight / max(1, norm / bound)."""
  weight = tf.convert_to_tensor(weight)
  is_wide = weight.shape[0] < weight.shape[1]
  gram = tf.matmul(weight, weight, transpose_a=not is_wide, transpose_b=is_wide)
  squared = tf.reduce_max(tf.linalg.eigvalsh(gram))
  # The root is taken after the maximum, because its derivative at 0 is
  # infinite.
  return weight / tf.sqrt(tf.maximum(squared / bound**2, 1.0))
