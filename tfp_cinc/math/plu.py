"""Invertible matrices in factored form."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat

__all__ = ['PLUMatrix']


class PLUMatrix(tf.Module):
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

  Raises:
    ValueError: if the sizes of the arguments do not belong to one C.
  """

  def __init__(
    self,
    lower,
    log_scale=None,
    upper=None,
    sign=None,
    permutation=None,
    name='plu_matrix',
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
    expected = {
      'log_scale': (self.log_scale, self.size),
      'upper': (self.upper, entries),
      'sign': (self.sign, self.size),
      'permutation': (self.permutation, self.size),
    }
    for argument, (value, length) in expected.items():
      if value is not None and tuple(value.shape) != (length,):
        raise ValueError(
          f'`{argument}` has shape {tuple(value.shape)}; `lower` has {entries} '
          f'entries, so that C = {self.size} and it must be [{length}].'
        )

  @classmethod
  def from_matrix(cls, matrix, name='plu_matrix') -> 'PLUMatrix':
    """Factors a concrete C x C matrix.

    Args:
      matrix: array [C, C], floating.
      name: name of the module.

    Returns:
      `PLUMatrix` of constants.

    Raises:
      ValueError: if the matrix is singular to its dtype's precision.
    """
    matrix = np.asarray(matrix)
    if matrix.dtype not in (np.float32, np.float64):
      matrix = matrix.astype(np.float32)
    if not np.all(np.isfinite(matrix)):
      raise ValueError('the matrix has entries that are not finite.')
    values = np.linalg.svd(matrix, compute_uv=False)
    if values[-1] <= np.finfo(matrix.dtype).eps * len(matrix) * values[0]:
      raise ValueError(
        f'the matrix is singular: its singular values go from {values[0]:.3g} '
        f'down to {values[-1]:.3g}.'
      )
    packed, permutation = tf.linalg.lu(tf.constant(matrix, tf.float64))
    packed = packed.numpy()
    diagonal = np.diag(packed)
    unit_upper = np.triu(packed, 1) / diagonal[:, np.newaxis]
    return cls(
      lower=_strict_lower_entries(packed).astype(matrix.dtype),
      log_scale=np.log(np.abs(diagonal)).astype(matrix.dtype),
      upper=_strict_lower_entries(unit_upper.T).astype(matrix.dtype),
      sign=np.sign(diagonal),
      permutation=permutation.numpy(),
      name=name,
    )

  @classmethod
  def random_rotation(cls, size, seed=None, dtype=tf.float32) -> 'PLUMatrix':
    """A rotation or reflection drawn uniformly, as constants.

    Args:
      size: C.
      seed: of the draw; None draws another one each time.
      dtype: floating dtype.

    Returns:
      `PLUMatrix` with log|det A| = 0 to rounding.
    """
    normal = np.random.default_rng(seed).normal(size=[size, size])
    rotation, triangle = np.linalg.qr(normal)
    rotation *= np.sign(np.diag(triangle))
    return cls.from_matrix(rotation.astype(tf.as_dtype(dtype).as_numpy_dtype))

  def trainable(self) -> 'PLUMatrix':
    """The same matrix with new Variables for its factors.

    Those of sign and permutation are not trainable: they are Variables so that
    checkpoints hold them.
    """

    def variable(name, trainable=True):
      value = getattr(self, name)
      if value is None:
        return None
      return tf.Variable(value, trainable=trainable, name=name)

    return PLUMatrix(
      lower=variable('lower'),
      log_scale=variable('log_scale'),
      upper=variable('upper'),
      sign=variable('sign', trainable=False),
      permutation=variable('permutation', trainable=False),
      name=self.name,
    )

  @property
  def dtype(self) -> tf.DType:
    """The dtype of the factors and of the matrix."""
    return self.lower.dtype

  def dense(self) -> tf.Tensor:
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

  def inverse(self) -> tf.Tensor:
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
    if self.log_scale is None:
      return self.sign
    scale = tf.exp(self.log_scale)
    return scale if self.sign is None else self.sign * scale


def _unit_lower(entries, size):
  """The unit lower triangular matrix with these entries below its diagonal."""
  index = np.stack(np.tril_indices(size, -1), axis=-1)
  strict = tf.scatter_nd(index, entries, [size, size])
  return strict + np.eye(size, dtype=entries.dtype.as_numpy_dtype)


def _strict_lower_entries(matrix):
  """The inverse of `_unit_lower`, as an array."""
  return matrix[np.tril_indices(len(matrix), -1)]
