"""The protocol of invertible matrices, and the frozen matrix."""

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import TensorLike

__all__ = ['FrozenMatrix', 'InvertibleMatrix']


class InvertibleMatrix(tfp_compat.CompositeModule):
  """An invertible C x C matrix A.

  A subclass implements `dense`, `inverse` and `log_abs_det`.

  Attributes:
    size: Number of rows and columns, C.
    dtype: Dtype of the matrix.
  """

  size: int
  dtype: tf.DType

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


class FrozenMatrix(InvertibleMatrix):
  """A constant matrix with its precomputed inverse and log-det.

  `tfp_cinc.freeze` replaces other matrices by frozen ones.

  #### Example

  >>> matrix = FrozenMatrix([[2.0]], [[0.5]], 0.693)
  >>> matrix.inverse().numpy().item()
  0.5
  """

  def __init__(
    self,
    matrix: TensorLike,
    inverse_matrix: TensorLike,
    log_abs_determinant: TensorLike,
    name: str | None = None,
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
    self.size, self.dtype = self.matrix.shape[-1], self.matrix.dtype

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]."""
    return tf.convert_to_tensor(self.matrix)

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C]."""
    return tf.convert_to_tensor(self.inverse_matrix)

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar."""
    return tf.convert_to_tensor(self.log_abs_determinant)
