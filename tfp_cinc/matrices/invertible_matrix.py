"""The protocol of invertible matrices, and the frozen matrix."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.regular_matrix import check_regular

__all__ = ['FrozenMatrix', 'InvertibleMatrix']


class InvertibleMatrix(tfp_compat.CompositeModule):
  """An invertible C x C matrix A that is stored as factors.

  A subclass has a constructor argument and an attribute of the same name for
  each factor. It implements `dense`, `inverse`, `log_abs_det` and `_factorize`.

  Attributes:
    size: Number of rows and columns, C.
  """

  # Names of the factors that are trained, and of those that are fixed. The
  # first trained factor is never None.
  _trained: tuple[str, ...] = ()
  _fixed: tuple[str, ...] = ()
  size: int

  @classmethod
  def from_matrix(cls, matrix, name: str | None = None) -> 'InvertibleMatrix':
    """Factors a concrete C x C matrix.

    Args:
      matrix: Floating array [C, C].
      name: Name of the module.

    Returns:
      The matrix as an instance of this class, with constants as factors.

    Raises:
      ValueError: If the matrix is not square, not finite, or singular to the
        precision of its dtype.
    """
    return cls(**cls._factors(matrix), name=name)

  @classmethod
  def _factors(cls, matrix):
    """Returns the factors of an array by name, in the dtype of the array."""
    matrix = check_regular(matrix)
    factors = cls._factorize(matrix.astype(np.float64))
    return {
      name: value.astype(matrix.dtype) if value.dtype == np.float64 else value
      for name, value in factors.items()
    }

  @classmethod
  def trainable_rotation(
    cls, size: int, seed: int | None, dtype, name: str | None
  ) -> 'InvertibleMatrix':
    """Returns a random rotation or reflection with new Variables as factors.

    Args:
      size: Number of rows and columns, C.
      seed: Seed of the rotation. All classes draw the same rotation for the
        same seed. None draws a new one.
      dtype: Floating dtype.
      name: Name of the module.

    Returns:
      The matrix as an instance of this class, with log|det A| = 0 up to
      rounding. Its fixed factors, such as signs and permutations, are Variables
      that are not trainable, so that checkpoints contain them.

    Raises:
      ValueError: If `size` is less than 1.
    """
    if size < 1:
      raise ValueError(f'`size` is {size}; it must be at least 1.')
    normal = np.random.default_rng(seed).normal(size=[size, size])
    rotation, triangle = np.linalg.qr(normal)
    rotation *= np.sign(np.diag(triangle))
    dtype = tf.as_dtype(dtype)
    factors = cls._factors(rotation.astype(dtype.as_numpy_dtype))
    variables = {
      factor: tf.Variable(
        tf.cast(value, tf.int32 if value.dtype.kind == 'i' else dtype),
        trainable=factor in cls._trained,
        name=factor,
      )
      for factor, value in factors.items()
    }
    return cls(**variables, name=name)

  @property
  def dtype(self) -> tf.DType:
    """The dtype of the factors and of the matrix."""
    return getattr(self, self._trained[0]).dtype

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]."""
    raise NotImplementedError

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C]."""
    raise NotImplementedError

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar."""
    raise NotImplementedError

  def freeze(self) -> 'FrozenMatrix':
    """Returns the matrix, its inverse and its log-det as constants."""
    return FrozenMatrix(
      self.dense(), self.inverse(), self.log_abs_det(), name=self.name
    )

  @classmethod
  def _factorize(cls, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the factors, by name, of an invertible float64 matrix."""
    raise NotImplementedError

  def _check_shapes(self, because: str, **expected: tuple[int, ...]) -> None:
    """Raises `ValueError` if a factor has another shape than expected."""
    for factor, shape in expected.items():
      value = getattr(self, factor)
      if value is not None and tuple(value.shape) != shape:
        raise ValueError(
          f'`{factor}` has shape {tuple(value.shape)}; {because} it must be '
          f'{list(shape)}.'
        )


class FrozenMatrix(InvertibleMatrix):
  """A constant matrix with its precomputed inverse and log-det.

  `tfp_cinc.freeze` replaces other matrices by frozen ones.

  #### Example

  >>> matrix = FrozenMatrix([[2.0]], [[0.5]], 0.693)
  >>> float(matrix.inverse())
  0.5
  """

  _trained = ('matrix',)

  def __init__(
    self, matrix, inverse_matrix, log_abs_determinant, name: str | None = None
  ):
    """Stores the matrix, its inverse and its log-det.

    Args:
      matrix: `Tensor` A [C, C].
      inverse_matrix: `Tensor` [C, C], the inverse of A.
      log_abs_determinant: `Tensor` [], log|det A|.
      name: Name of the module.
    """
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    self.matrix = convert(matrix, dtype_hint=tf.float32)
    self.inverse_matrix = convert(inverse_matrix, dtype=self.matrix.dtype)
    self.log_abs_determinant = convert(
      log_abs_determinant, dtype=self.matrix.dtype
    )
    self.size = self.matrix.shape[-1]

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]."""
    return tf.convert_to_tensor(self.matrix)

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C]."""
    return tf.convert_to_tensor(self.inverse_matrix)

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar."""
    return tf.convert_to_tensor(self.log_abs_determinant)
