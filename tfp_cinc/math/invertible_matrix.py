"""What the invertible matrices have in common, whatever holds them."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.derived import derived

__all__ = [
  'InvertibleMatrix',
  'signed_scale',
  'strict_lower',
  'strict_lower_entries',
]


class InvertibleMatrix(tf.Module):
  """An invertible C x C matrix A.

  Subclasses hold it as factors, each an attribute and a constructor argument of
  the same name, and implement `_dense`, `_inverse`, `log_abs_det` and
  `_factorize`.

  Attributes:
    size: C.
  """

  # Names of the factors that are learned, the first of which is never None, and
  # of those that stay as they are.
  _learned: tuple[str, ...] = ()
  _fixed: tuple[str, ...] = ()
  size: int

  @classmethod
  def from_matrix(cls, matrix, name: str | None = None) -> 'InvertibleMatrix':
    """Factors a concrete C x C matrix.

    Args:
      matrix: array [C, C], floating.
      name: name of the module.

    Returns:
      The matrix as this class holds it, of constants.

    Raises:
      ValueError: if it is not square, or singular to its dtype's precision.
    """
    matrix = np.asarray(matrix)
    if matrix.dtype not in (np.float32, np.float64):
      matrix = matrix.astype(np.float32)
    if matrix.ndim != 2 or len({*matrix.shape} | {0}) != 2:
      raise ValueError(
        f'the matrix has shape {matrix.shape}; it must be [C, C], C >= 1.'
      )
    if not np.all(np.isfinite(matrix)):
      raise ValueError('the matrix has entries that are not finite.')
    values = np.linalg.svd(matrix, compute_uv=False)
    if values[-1] <= np.finfo(matrix.dtype).eps * len(matrix) * values[0]:
      raise ValueError(
        f'the matrix is singular: its singular values go from {values[0]:.3g} '
        f'down to {values[-1]:.3g}.'
      )
    factors = cls._factorize(matrix.astype(np.float64))
    for key, value in factors.items():
      if value.dtype == np.float64:
        factors[key] = value.astype(matrix.dtype)
    return cls(**factors, name=name)

  @classmethod
  def random_rotation(
    cls, size: int, seed: int | None = None, dtype=tf.float32
  ) -> 'InvertibleMatrix':
    """A rotation or reflection drawn uniformly, as constants.

    Args:
      size: C.
      seed: of the draw; None draws another one each time. All classes draw the
        same matrix for the same seed.
      dtype: floating dtype.

    Returns:
      The matrix as this class holds it, with log|det A| = 0 to rounding.

    Raises:
      ValueError: if `size` is less than 1.
    """
    if size < 1:
      raise ValueError(f'`size` is {size}; it must be at least 1.')
    normal = np.random.default_rng(seed).normal(size=[size, size])
    rotation, triangle = np.linalg.qr(normal)
    rotation *= np.sign(np.diag(triangle))
    return cls.from_matrix(rotation.astype(tf.as_dtype(dtype).as_numpy_dtype))

  def trainable(self) -> 'InvertibleMatrix':
    """The same matrix with new Variables for its factors.

    Those that are not learned, such as signs and permutations, are not
    trainable: they are Variables so that checkpoints hold them.
    """
    variables = {}
    for factor in (*self._learned, *self._fixed):
      value = getattr(self, factor)
      if value is not None:
        value = tf.Variable(
          value, trainable=factor in self._learned, name=factor
        )
      variables[factor] = value
    return type(self)(**variables, name=self.name)

  @property
  def dtype(self) -> tf.DType:
    """The dtype of the factors and of the matrix."""
    return getattr(self, self._learned[0]).dtype

  def dense(self) -> tf.Tensor:
    """The matrix A, [C, C]."""
    return derived(self, 'dense', self._dense)

  def inverse(self) -> tf.Tensor:
    """The inverse of A, [C, C]."""
    return derived(self, 'inverse', self._inverse)

  def _dense(self):
    raise NotImplementedError

  def _inverse(self):
    raise NotImplementedError

  def log_abs_det(self) -> tf.Tensor:
    """log|det A|, a scalar."""
    raise NotImplementedError

  @classmethod
  def _factorize(cls, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """The factors by name, of a float64 matrix that is not singular."""
    raise NotImplementedError

  def _check_shapes(self, because: str, **expected: tuple[int, ...]) -> None:
    """Raises `ValueError` where a factor that is there has another shape."""
    for factor, shape in expected.items():
      value = getattr(self, factor)
      if value is not None and tuple(value.shape) != shape:
        raise ValueError(
          f'`{factor}` has shape {tuple(value.shape)}; {because} it must be '
          f'{list(shape)}.'
        )


def strict_lower(entries: tf.Tensor, size: int) -> tf.Tensor:
  """The matrix with these entries below its diagonal and zeros elsewhere.

  Args:
    entries: `Tensor` [C * (C - 1) / 2], row by row.
    size: C.

  Returns:
    `Tensor` [C, C].
  """
  index = np.stack(np.tril_indices(size, -1), axis=-1)
  return tf.scatter_nd(index, entries, [size, size])


def strict_lower_entries(matrix: np.ndarray) -> np.ndarray:
  """The inverse of `strict_lower`, for arrays."""
  return matrix[np.tril_indices(len(matrix), -1)]


def signed_scale(log_scale, sign) -> tf.Tensor | None:
  """sign * exp(log_scale), where None stands for ones."""
  if log_scale is None:
    return sign
  scale = tf.exp(log_scale)
  return scale if sign is None else sign * scale
