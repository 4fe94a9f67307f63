"""Jacobians of fully connected networks in closed form."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.internal.seeds import random_bits

__all__ = [
  'DenseJacobian',
  'apply_dense_layers',
  'lip_swish',
  'rademacher_probes',
]


class DenseJacobian:
  """The Jacobian of a fully connected network at each point of a batch.

  It is stored as the factors of the chain rule: the weights, with the
  derivatives of the activations between them.

  ```
  J^T = W_1 diag(slope_1) W_2 diag(slope_2) ... W_n
  ```

  A product with a vector costs as much as the network. tr(J) and det(I + J) do
  not change under a cyclic rotation of the factors; for the determinant this is
  Sylvester's identity. They are computed for the rotation that starts at the
  narrowest layer, which gives an m x m matrix with m <= D.

  #### Example

  >>> jacobian = DenseJacobian(
  ...   weights=[tf.ones([2, 3]), tf.ones([3, 2])], slopes=[tf.ones([5, 3])]
  ... )
  >>> jacobian.trace().numpy().tolist()
  [6.0, 6.0, 6.0, 6.0, 6.0]
  """

  def __init__(self, weights: Sequence[tf.Tensor], slopes: Sequence[tf.Tensor]):
    """Stores the factors.

    Args:
      weights: The n >= 2 weights [D_{i-1}, D_i], with D_n = D_0 = D.
      slopes: The n - 1 derivatives [..., D_i] of the hidden layers.
    """
    self.weights = list(weights)
    self.slopes = list(slopes)

  def stop_gradient(self) -> 'DenseJacobian':
    """Returns the same Jacobian as a constant."""
    return DenseJacobian(
      [tf.stop_gradient(weight) for weight in self.weights],
      [tf.stop_gradient(slope) for slope in self.slopes],
    )

  def product(self, vectors: tf.Tensor) -> tf.Tensor:
    """Returns J v for vectors v [..., D]; batch shapes broadcast."""
    vectors = tf.tensordot(vectors, self.weights[0], 1)
    for slope, weight in zip(self.slopes, self.weights[1:], strict=True):
      vectors = tf.tensordot(vectors * slope, weight, 1)
    return vectors

  def transposed_product(self, vectors: tf.Tensor) -> tf.Tensor:
    """Returns J^T v for vectors v [..., D]; batch shapes broadcast."""
    *weights, last = (tf.transpose(weight) for weight in self.weights)
    vectors = tf.tensordot(vectors, last, 1)
    for slope, weight in zip(self.slopes[::-1], weights[::-1], strict=True):
      vectors = tf.tensordot(vectors * slope, weight, 1)
    return vectors

  def trace(self) -> tf.Tensor:
    """Returns tr(J), [...]."""
    if len(self.weights) == 2:
      first, last = self.weights
      diagonal = tf.reduce_sum(last * tf.transpose(first), axis=-1)
      return tf.tensordot(self.slopes[0], diagonal, 1)
    *factors, (weight, slope) = self._rotated(_narrowest(self.weights[1:]) + 1)
    diagonal = tf.reduce_sum(_product(factors) * tf.transpose(weight), axis=-1)
    return _dot(diagonal, slope)

  def trace_estimate(self, probes: tf.Tensor) -> tf.Tensor:
    """Returns Hutchinson's estimate of tr(J), the mean of v . J v over probes.

    Args:
      probes: `Tensor` v [P, ..., D], as `rademacher_probes` draws it.

    Returns:
      `Tensor` [...].
    """
    return tf.reduce_mean(_dot(probes, self.product(probes)), axis=0)

  def log_det_plus_identity(self) -> tf.Tensor:
    """Returns log|det(I + J)|, [...], by LU factorizations of m x m matrices.

    It uses `tf.linalg.slogdet`, because `tf.linalg.lu` has no gradient and a QR
    factorization takes four times as long. XLA has no kernel for `slogdet`.
    """
    matrix = _product(self._rotated(_narrowest(self.weights)))
    identity = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    return tf.linalg.slogdet(matrix + identity).log_abs_determinant

  def log_det_plus_identity_estimate(
    self, probes: tf.Tensor, num_terms: int | tf.Tensor
  ) -> tf.Tensor:
    """Returns an estimate of log det(I + J) by its power series.

    The traces in the series are replaced by Hutchinson's estimates:

    ```
    mean over probes v of sum_{k=1..num_terms} (-1)^(k+1) / k * v . J^k v
    ```

    Args:
      probes: `Tensor` v [P, ..., D], as `rademacher_probes` draws it.
      num_terms: Number of terms of the series.

    Returns:
      `Tensor` [...].
    """
    total, vectors = 0.0, probes
    for k in range(1, num_terms + 1):
      vectors = self.product(vectors)
      total += (-1) ** (k + 1) / k * _dot(probes, vectors)
    return tf.reduce_mean(total, axis=0)

  def _rotated(self, start):
    """Returns the factors from layer `start` on, as pairs (weight, slope).

    The slope is that of the layer after the weight. If `start` is not 0, the
    last and the first weight form one factor, because there is no slope between
    them.
    """
    weights, slopes = self.weights, self.slopes
    if start == 0:
      return list(zip(weights, [*slopes, None], strict=True))
    weights = [*weights[start:-1], weights[-1] @ weights[0], *weights[1:start]]
    return list(zip(weights, slopes[start:] + slopes[:start], strict=True))


def _narrowest(weights):
  """Returns the index of the weight with the fewest inputs."""
  return min(range(len(weights)), key=lambda i: weights[i].shape[0])


def _product(factors):
  """Returns the product of the factors of `_rotated`, [..., m, m']."""
  result = None
  for weight, slope in factors:
    result = weight if result is None else tf.tensordot(result, weight, 1)
    if slope is not None:
      result *= slope[..., tf.newaxis, :]
  return result


def _dot(x, y):
  return tf.reduce_sum(x * y, axis=-1)


def apply_dense_layers(
  x: tf.Tensor,
  weights: Sequence[tf.Tensor],
  biases: Sequence[tf.Tensor],
  activations: Sequence[Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]],
) -> tuple[tf.Tensor, DenseJacobian]:
  """Applies a fully connected network and also returns its Jacobian.

  Args:
    x: `Tensor` [..., D_0].
    weights: The n weights [D_{i-1}, D_i].
    biases: The n biases [D_i].
    activations: The activations of the n - 1 hidden layers. Each returns its
      values and its derivatives, as `lip_swish` does.

  Returns:
    (the output [..., D_n], its `DenseJacobian` with respect to x).
  """
  slopes = []
  for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
    x = tf.tensordot(x, weight, 1) + bias
    if i < len(activations):
      x, slope = activations[i](x)
      slopes.append(slope)
  return x, DenseJacobian(weights, slopes)


def lip_swish(
  x: tf.Tensor, steepness: float | tf.Tensor = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns LipSwish, x * sigmoid(steepness * x) / 1.1, and its derivative.

  LipSwish is smooth, and its derivative is at most 1 in absolute value for any
  steepness.

  Args:
    x: `Tensor`.
    steepness: Positive float or `Tensor` [].

  Returns:
    Two tensors of the shape of `x`.

  #### Example

  >>> y, slope = lip_swish(tf.constant([0.0, 11.0]))
  >>> [f'{value:.2f}' for value in y]
  ['0.00', '10.00']

  #### References

  Chen et al. 2019, [Residual Flows for Invertible Generative Modeling](
  https://arxiv.org/abs/1906.02735), section 3.3.
  """
  gate = tf.sigmoid(steepness * x)
  return x * gate / 1.1, gate * (1 + steepness * x * (1 - gate)) / 1.1


def rademacher_probes(
  x: tf.Tensor, num_probes: int, seed: int | None = None
) -> tf.Tensor:
  """Draws random signs for Hutchinson's estimate of the trace of Jacobians.

  Args:
    x: `Tensor` [..., D], the points of the Jacobians.
    num_probes: Number of probes, P.
    seed: Seed of the signs. An integer gives the same signs at each call and
      for all points of the batch. None draws new signs at each call and for
      each point.

  Returns:
    `Tensor` [P, ..., D] of 1 and -1, or [P, 1, ..., 1, D] with a seed.

  #### References

  Hutchinson 1990, A Stochastic Estimator of the Trace of the Influence Matrix
  for Laplacian Smoothing Splines.
  """
  if seed is None:
    shape = tf.concat([[num_probes], tf.shape(x)], axis=0)
    signs = tf.random.uniform(shape, maxval=2, dtype=tf.int32)
  else:
    shape = [num_probes, *[1] * (x.shape.rank - 1), x.shape[-1]]
    signs = random_bits(shape, [seed, 0]) % 2
  return 2 * tf.cast(signs, x.dtype) - 1
