"""Invertible matrices in factored form."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.invertible_matrix import (
  InvertibleMatrix,
  signed_scale,
  strict_lower,
  strict_lower_entries,
)

__all__ = ['PLUMatrix']


class PLUMatrix(InvertibleMatrix):
  """An invertible C x C matrix A = P L D U that cannot become singular.

  P is a fixed permutation, L unit lower and U unit upper triangular, and
  D = diag(sign * exp(log_scale)): whatever values its parameters take,
  log|det A| = sum(log_scale) is finite. Factors that are left out are the
  identity: with `lower` and `log_scale` alone, A is any lower triangular
  matrix of fixed diagonal signs.

  Glow (Kingma and Dhariwal 2018), section 3.2, with the diagonal by its
  logarithm.

  Args:
    lower: `Tensor` or `Variable` [C*(C-1)/2], the entries of L below the
      diagonal, row by row.
    log_scale: `Tensor` or `Variable` [C], or None for D = diag(sign).
    upper: `Tensor` or `Variable` [C*(C-1)/2], the entries of U above the
      diagonal, as those of `lower` are in the transpose of U; or None.
    sign: `Tensor` or `Variable` [C] of +1 and -1, or None for +1.
    permutation: int32 `Tensor` or `Variable` [C]: row i of L D U is row
      `permutation[i]` of A; or None.
    name: name of the module.

  Raises:
    ValueError: if the sizes of the arguments do not belong to one C.

  #### Example

  >>> matrix = PLUMatrix(lower=[3.0], log_scale=[0.0, 0.0])
  >>> matrix.dense().numpy().tolist()
  [[1.0, 0.0], [3.0, 1.0]]
  """

  _learned = ('lower', 'log_scale', 'upper')
  _fixed = ('sign', 'permutation')

  def __init__(
    self,
    lower,
    log_scale=None,
    upper=None,
    sign=None,
    permutation=None,
    name: str | None = None,
  ):
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
        f'`lower` has {entries} entries; a C x C matrix has C * (C - 1) / 2 of '
        'them below its diagonal.'
      )
    self._check_shapes(
      f'`lower` has {entries} entries, so that C = {self.size} and',
      log_scale=(self.size,),
      upper=(entries,),
      sign=(self.size,),
      permutation=(self.size,),
    )

  @classmethod
  def _factorize(cls, matrix):
    packed, permutation = map(np.asarray, tf.linalg.lu(tf.constant(matrix)))
    diagonal = np.diag(packed)
    unit_upper = np.triu(packed, 1) / diagonal[:, np.newaxis]
    return {
      'lower': strict_lower_entries(packed),
      'log_scale': np.log(np.abs(diagonal)),
      'upper': strict_lower_entries(unit_upper.T),
      'sign': np.sign(diagonal),
      'permutation': permutation,
    }

  def _dense(self):
    """The matrix A, [C, C]. It costs C^3 / 3 multiplications."""
    matrix = self._unit_lower()
    scale = self._diagonal()
    if scale is not None:
      matrix *= scale
    if self.upper is not None:
      matrix @= self._unit_upper()
    if self.permutation is not None:
      matrix = tf.gather(matrix, tf.math.invert_permutation(self.permutation))
    return matrix

  def _inverse(self):
    """The inverse of A, [C, C], by two triangular solves."""
    matrix = tf.eye(self.size, dtype=self.dtype)
    if self.permutation is not None:
      matrix = tf.gather(matrix, self.permutation)
    matrix = tf.linalg.triangular_solve(self._unit_lower(), matrix)
    scale = self._diagonal()
    if scale is not None:
      matrix /= scale[:, tf.newaxis]
    if self.upper is not None:
      matrix = tf.linalg.triangular_solve(
        self._unit_upper(), matrix, lower=False
      )
    return matrix

  def log_abs_det(self) -> tf.Tensor:
    """log|det A|, a scalar."""
    if self.log_scale is None:
      return tf.zeros([], self.dtype)
    return tf.reduce_sum(self.log_scale)

  def _unit_lower(self):
    return _unit_lower(self.lower, self.size)

  def _unit_upper(self):
    return tf.transpose(_unit_lower(self.upper, self.size))

  def _diagonal(self):
    return signed_scale(self.log_scale, self.sign)


def _unit_lower(entries, size):
  strict = strict_lower(entries, size)
  return strict + tf.eye(size, dtype=entries.dtype)
