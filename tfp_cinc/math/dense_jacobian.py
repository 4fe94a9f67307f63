"""Jacobians of fully connected networks in closed form."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

__all__ = [
  'DenseJacobian',
  'apply_dense_layers',
  'lip_swish',
  'rademacher_probes',
]


class DenseJacobian:
  """The Jacobian of a fully connected network at each point of a batch.

  It is held as the factors that the chain rule gives, the weights with the
  derivatives of the activation between them:

  ```
  J^T = W_1 diag(slope_1) W_2 diag(slope_2) ... W_n
  ```

  A product with a vector costs as much as the network. tr(J) and det(I + J)
  are the same for any cyclic rotation of the factors (for the determinant this
  is Sylvester's identity); they are taken of the rotation that starts at the
  narrowest layer, an m x m matrix, m <= D.

  Args:
    weights: n >= 2 tensors [D_{i-1}, D_i], D_n = D_0 = D.
    slopes: n - 1 tensors [..., D_i]: the derivatives at the hidden layers.
  """

  def __init__(self, weights: Sequence[tf.Tensor], slopes: Sequence[tf.Tensor]):
    self.weights = list(weights)
    self.slopes = list(slopes)

  def stop_gradient(self) -> 'DenseJacobian':
    """The same Jacobian as a constant."""
    return DenseJacobian(
      [tf.stop_gradient(weight) for weight in self.weights],
      [tf.stop_gradient(slope) for slope in self.slopes],
    )

  def product(self, vectors) -> tf.Tensor:
    """J v for vectors v [..., D]; their batch broadcasts with J's."""
    vectors = tf.tensordot(vectors, self.weights[0], 1)
    for slope, weight in zip(self.slopes, self.weights[1:], strict=True):
      vectors = tf.tensordot(vectors * slope, weight, 1)
    return vectors

  def transposed_product(self, vectors) -> tf.Tensor:
    """J^T v for vectors v [..., D]; their batch broadcasts with J's."""
    *weights, last = (tf.transpose(weight) for weight in self.weights)
    vectors = tf.tensordot(vectors, last, 1)
    for slope, weight in zip(self.slopes[::-1], weights[::-1], strict=True):
      vectors = tf.tensordot(vectors * slope, weight, 1)
    return vectors

  def trace(self) -> tf.Tensor:
    """tr(J), [...]."""
    if len(self.weights) == 2:
      first, last = self.weights
      diagonal = tf.reduce_sum(last * tf.transpose(first), axis=-1)
      return tf.tensordot(self.slopes[0], diagonal, 1)
    *factors, (weight, slope) = self._rotated(_narrowest(self.weights[1:]) + 1)
    diagonal = tf.reduce_sum(_product(factors) * tf.transpose(weight), axis=-1)
    return _dot(diagonal, slope)

  def trace_estimate(self, probes) -> tf.Tensor:
    """Hutchinson's estimate of tr(J): the mean of v . J v over probes v.

    Args:
      probes: `Tensor` [P, ..., D] as `rademacher_probes` draws them.

    Returns:
      `Tensor` [...].
    """
    return tf.reduce_mean(_dot(probes, self.product(probes)), axis=0)

  def log_det_plus_identity(self) -> tf.Tensor:
    """log|det(I + J)|, [...], by LU factorizations of m x m matrices.

    `tf.linalg.slogdet` makes them and has a gradient, which `tf.linalg.lu` has
    not; a QR factorization takes four times as long. XLA has no kernel for it.
    """
    matrix = _product(self._rotated(_narrowest(self.weights)))
    identity = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    return tf.linalg.slogdet(matrix + identity).log_abs_determinant

  def log_det_plus_identity_estimate(self, probes, num_terms) -> tf.Tensor:
    """log det(I + J) by its power series and Hutchinson's estimate of traces.

    ```
    mean over probes v of sum_{k=1..num_terms} (-1)^(k+1) / k * v . J^k v
    ```

    Args:
      probes: `Tensor` [P, ..., D] as `rademacher_probes` draws them.
      num_terms: where to cut the series.

    Returns:
      `Tensor` [...].
    """
    total, vectors = 0.0, probes
    for k in range(1, num_terms + 1):
      vectors = self.product(vectors)
      total += (-1) ** (k + 1) / k * _dot(probes, vectors)
    return tf.reduce_mean(total, axis=0)

  def _rotated(self, start):
    """The factors from layer `start` on, as pairs (weight, slope after it).

    In a rotation by more than 0 the last and the first weight, with no slope
    between them, are one factor.
    """
    weights, slopes = self.weights, self.slopes
    if start == 0:
      return list(zip(weights, [*slopes, None], strict=True))
    weights = [*weights[start:-1], weights[-1] @ weights[0], *weights[1:start]]
    return list(zip(weights, slopes[start:] + slopes[:start], strict=True))


def _narrowest(weights):
  """The index of the weight with the fewest inputs."""
  return min(range(len(weights)), key=lambda i: weights[i].shape[0])


def _product(factors):
  """The product of pairs of `DenseJacobian._rotated`, [..., m, m']."""
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
  """A fully connected network and its Jacobian.

  Args:
    x: `Tensor` [..., D_0].
    weights: n tensors [D_{i-1}, D_i].
    biases: n tensors [D_i].
    activations: n - 1 functions, one of each hidden layer, that return their
      values and derivatives, as `lip_swish` does.

  Returns:
    (the output [..., D_n], its `DenseJacobian` in x).
  """
  slopes = []
  for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
    x = tf.tensordot(x, weight, 1) + bias
    if i < len(activations):
      x, slope = activations[i](x)
      slopes.append(slope)
  return x, DenseJacobian(weights, slopes)


def lip_swish(x: tf.Tensor, steepness=1.0) -> tuple[tf.Tensor, tf.Tensor]:
  """LipSwish: x * sigmoid(steepness * x) / 1.1; and its derivative.

  It is smooth, and its derivative is at most 1 in size for any steepness.

  Chen et al. 2019 (Residual Flows for Invertible Generative Modeling), section
  3.3.

  Args:
    x: `Tensor`.
    steepness: positive float or `Tensor` [].

  Returns:
    Two tensors of the shape of `x`.

  #### Example

  >>> y, slope = lip_swish(tf.constant([0.0, 11.0]))
  >>> [f'{value:.2f}' for value in y]
  ['0.00', '10.00']
  """
  gate = tf.sigmoid(steepness * x)
  return x * gate / 1.1, gate * (1 + steepness * x * (1 - gate)) / 1.1


def rademacher_probes(
  x: tf.Tensor, num_probes: int, seed: int | None = None
) -> tf.Tensor:
  """Random signs for Hutchinson's estimate of the trace of Jacobians.

  Args:
    x: `Tensor` [..., D], the points of the Jacobians.
    num_probes: P.
    seed: an integer draws the same signs at each call, one set for all points
      of the batch; None draws new ones, for each point its own.

  Returns:
    `Tensor` [P, ..., D] of 1 and -1, or [P, 1, ..., 1, D] with a seed.

  Hutchinson 1990 (A Stochastic Estimator of the Trace of the Influence Matrix).
  """
  if seed is None:
    shape = tf.concat([[num_probes], tf.shape(x)], axis=0)
    draw = tf.random.uniform
  else:
    shape = [num_probes, *[1] * (x.shape.rank - 1), x.shape[-1]]
    draw = functools.partial(tf.random.stateless_uniform, seed=[seed, 0])
  signs = tf.cast(draw(shape, maxval=2, dtype=tf.int32), x.dtype)
  return 2 * signs - 1
