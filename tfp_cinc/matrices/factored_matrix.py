"""Base class of invertible matrices that are stored as factors."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.regular_matrix import check_regular
from tfp_cinc.matrices.invertible_matrix import InvertibleMatrix

__all__ = ['FactoredMatrix']


class FactoredMatrix(InvertibleMatrix):
  """Base class of invertible C x C matrices A that are stored as factors.

  A subclass has a constructor argument and an attribute of the same name for
  each factor. It also implements `_factorize`.
  """

  # Names of the trained factors and of the fixed factors. The first trained
  # factor is never None.
  _trained: tuple[str, ...] = ()
  _fixed: tuple[str, ...] = ()

  @classmethod
  def from_matrix(
    cls, matrix: TensorLike, name: str | None = None
  ) -> 'FactoredMatrix':
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
    """Returns a dict of the factors of an array, in its dtype."""
    matrix = check_regular(matrix)
    factors = cls._factorize(matrix.astype(np.float64))
    return {
      name: value.astype(matrix.dtype) if value.dtype == np.float64 else value
      for name, value in factors.items()
    }

  @classmethod
  def trainable_rotation(
    cls, size: int, seed: int | None, dtype: DTypeLike, name: str | None
  ) -> 'FactoredMatrix':
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
    check_sizes(size=size)
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

  @classmethod
  def _factorize(cls, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Returns a dict of the factors of an invertible float64 matrix."""
    raise NotImplementedError

  def _check_shapes(self, because: str, **expected: tuple[int, ...]) -> None:
    """Raises `ValueError` if a factor does not have the expected shape."""
    for factor, shape in expected.items():
      value = getattr(self, factor)
      if value is not None and tuple(value.shape) != shape:
        raise ValueError(
          f'`{factor}` has shape {tuple(value.shape)}; {because} it must be '
          f'{list(shape)}.'
        )
