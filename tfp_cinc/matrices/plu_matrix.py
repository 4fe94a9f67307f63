"""An invertible matrix that is stored as its PLU factors."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.matrices.factored_matrix import FactoredMatrix

__all__ = [
  'PLUMatrix',
  'signed_scale',
  'strict_lower',
  'strict_lower_entries',
  'trainable_plu_matrix',
]


class PLUMatrix(FactoredMatrix):
  """An invertible C x C matrix A = P L D U that cannot become singular.

  P is a fixed permutation, L is unit lower triangular, U is unit upper
  triangular and D = diag(sign * exp(log_scale)). log|det A| = sum(log_scale) is
  finite for all values of the parameters. A factor that is not given is the
  identity: with only `lower` and `log_scale`, A is any lower triangular matrix
  with a positive diagonal.

  #### Example

  >>> matrix = PLUMatrix(lower=[3.0], log_scale=[0.0, 0.0])
  >>> matrix.dense().numpy().tolist()
  [[1.0, 0.0], [3.0, 1.0]]

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.2. Here the diagonal is stored as its logarithm.
  """

  _trained = ('lower', 'log_scale', 'upper')
  _fixed = ('sign', 'permutation')

  def __init__(
    self,
    lower: TensorLike,
    log_scale: TensorLike | None = None,
    upper: TensorLike | None = None,
    sign: TensorLike | None = None,
    permutation: TensorLike | None = None,
    name: str | None = None,
  ):
    """Stores the factors.

    Args:
      lower: `Tensor` or `Variable` [C*(C-1)/2], the entries of L below the
        diagonal, row by row.
      log_scale: `Tensor` or `Variable` [C], or None for D = diag(sign).
      upper: `Tensor` or `Variable` [C*(C-1)/2], the entries of U above the
        diagonal, column by column; or None.
      sign: `Tensor` or `Variable` [C] of +1 and -1, or None for +1.
      permutation: Int32 `Tensor` or `Variable` [C]: row i of L D U is row
        `permutation[i]` of A; or None.
      name: Name of the module.

    Raises:
      ValueError: If the shapes of the arguments do not match one C.
    """
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [lower, log_scale, upper], dtype_hint=tf.float32
    )
    self.lower = convert(lower, dtype=dtype)
    self.log_scale = convert(log_scale, dtype=dtype)
    self.upper = convert(upper, dtype=dtype)
    self.sign = convert(sign, dtype=dtype)
    self.permutation = convert(permutation, dtype=tf.int32)
    entries = self.lower.shape[-1]
    self.size = round((1 + (1 + 8 * entries) ** 0.5) / 2)
    if self.size * (self.size - 1) // 2 != entries:
      raise ValueError(
        f'`lower` has {entries} entries; it must have C * (C - 1) / 2, the '
        'number of entries below the diagonal of a C x C matrix.'
      )
    self._check_shapes(
      f'with {entries} entries of `lower` (C = {self.size})',
      log_scale=(self.size,),
      upper=(entries,),
      sign=(self.size,),
      permutation=(self.size,),
    )

  @classmethod
  def _factorize(cls, matrix):
    packed, permutation = _lu(matrix)
    diagonal = np.diag(packed)
    unit_upper = np.triu(packed, 1) / diagonal[:, np.newaxis]
    return {
      'lower': strict_lower_entries(packed),
      'log_scale': np.log(np.abs(diagonal)),
      'upper': strict_lower_entries(unit_upper.T),
      'sign': np.sign(diagonal),
      'permutation': permutation,
    }

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]. It costs C^3 / 3 multiplications."""
    matrix = _unit_lower(self.lower, self.size)
    scale = signed_scale(self.log_scale, self.sign)
    if scale is not None:
      matrix *= scale
    if self.upper is not None:
      matrix @= tf.transpose(_unit_lower(self.upper, self.size))
    if self.permutation is not None:
      matrix = tf.gather(matrix, tf.math.invert_permutation(self.permutation))
    return matrix

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C], by two triangular solves."""
    matrix = tf.eye(self.size, dtype=self.dtype)
    if self.permutation is not None:
      matrix = tf.gather(matrix, self.permutation)
    unit_lower = _unit_lower(self.lower, self.size)
    matrix = tf.linalg.triangular_solve(unit_lower, matrix)
    scale = signed_scale(self.log_scale, self.sign)
    if scale is not None:
      matrix /= scale[:, tf.newaxis]
    if self.upper is not None:
      unit_upper = tf.transpose(_unit_lower(self.upper, self.size))
      matrix = tf.linalg.triangular_solve(unit_upper, matrix, lower=False)
    return matrix

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar."""
    if self.log_scale is None:
      return tf.zeros([], self.dtype)
    return tf.reduce_sum(self.log_scale)


def trainable_plu_matrix(
  size: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'plu_matrix',
) -> PLUMatrix:
  """Returns a trainable `PLUMatrix`, initialized as a random rotation.

  Args:
    size: Number of rows and columns, C.
    seed: Seed of the rotation. None draws a new one.
    dtype: Floating dtype.
    name: Name of the module.

  Returns:
    `PLUMatrix` with C^2 trainable parameters.

  Raises:
    ValueError: If `size` is less than 1.
  """
  with tf.name_scope(name):
    return PLUMatrix.trainable_rotation(size, seed, dtype, name)


def strict_lower(entries: tf.Tensor, size: int) -> tf.Tensor:
  """Returns a strictly lower triangular matrix with the given entries.

  Args:
    entries: `Tensor` [C * (C - 1) / 2], row by row.
    size: Number of rows and columns, C.

  Returns:
    `Tensor` [C, C].
  """
  index = np.stack(np.tril_indices(size, -1), axis=-1)
  return tf.scatter_nd(index, entries, [size, size])


def strict_lower_entries(matrix: np.ndarray) -> np.ndarray:
  """Returns the entries below the diagonal: the inverse of `strict_lower`."""
  return matrix[np.tril_indices(len(matrix), -1)]


def signed_scale(log_scale, sign) -> tf.Tensor | None:
  """Returns sign * exp(log_scale). A factor whose argument is None is 1.

  Args:
    log_scale: `Tensor` [C], the logarithm of the scale, or None.
    sign: `Tensor` [C] of +1 and -1, or None.

  Returns:
    `Tensor` [C], or None if both arguments are None.
  """
  if log_scale is None:
    return sign
  scale = tf.exp(log_scale)
  return scale if sign is None else sign * scale


def _lu(matrix):
  """Returns what `tf.linalg.lu` returns, also within a trace."""
  packed, permutation = np.array(matrix), np.arange(len(matrix))
  for k in range(len(packed)):
    pivot = k + np.argmax(np.abs(packed[k:, k]))
    packed[[k, pivot]] = packed[[pivot, k]]
    permutation[[k, pivot]] = permutation[[pivot, k]]
    packed[k + 1 :, k] /= packed[k, k]
    packed[k + 1 :, k + 1 :] -= np.outer(packed[k + 1 :, k], packed[k, k + 1 :])
  return packed, permutation.astype(np.int32)


def _unit_lower(entries, size):
  """Returns the unit lower triangular matrix with the given entries."""
  return strict_lower(entries, size) + tf.eye(size, dtype=entries.dtype)
