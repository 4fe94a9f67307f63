"""An invertible matrix that is stored entry by entry."""

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.matrices.factored_matrix import FactoredMatrix

__all__ = ['DenseMatrix', 'trainable_dense_matrix']


class DenseMatrix(FactoredMatrix):
  """A C x C matrix A that is stored as its C^2 entries.

  It can represent any invertible matrix. It may become singular during
  training; log|det A| then goes to -infinity. The inverse and the log-det cost
  C^3 each.

  #### Example

  >>> matrix = DenseMatrix([[0.0, 2.0], [1.0, 0.0]])
  >>> matrix.inverse().numpy().tolist()
  [[0.0, 1.0], [0.5, 0.0]]

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.2, before its LU decomposition.
  """

  _trained = ('matrix',)

  def __init__(self, matrix: TensorLike, name: str | None = None):
    """Stores the entries.

    Args:
      matrix: Invertible `Tensor` or `Variable` [C, C].
      name: Name of the module.

    Raises:
      ValueError: If `matrix` is not square.
    """
    super().__init__(name=name)
    dtype = tfp_compat.common_dtype([matrix], dtype_hint=tf.float32)
    self.matrix = tfp_compat.convert_nonref_to_tensor(matrix, dtype=dtype)
    shape = tuple(self.matrix.shape)
    if len(shape) != 2 or shape[0] != shape[1]:
      raise ValueError(f'`matrix` has shape {shape}; it must be [C, C].')
    self.size = shape[0]

  @classmethod
  def _factorize(cls, matrix):
    return {'matrix': matrix}

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]."""
    return tf.convert_to_tensor(self.matrix)

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C], by LU factors."""
    return tf.linalg.inv(self.matrix)

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar, computed from R in A = Q R."""
    # TensorFlow's LU has no gradient, and its determinant has no XLA kernel.
    _, triangle = tf.linalg.qr(self.matrix)
    return tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(triangle))))


def trainable_dense_matrix(
  size: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'dense_matrix',
) -> DenseMatrix:
  """Returns a trainable `DenseMatrix`, initialized as a random rotation.

  Args:
    size: Number of rows and columns, C.
    seed: Seed of the rotation. None draws a new one.
    dtype: Floating dtype.
    name: Name of the module.

  Returns:
    `DenseMatrix` with C^2 trainable parameters.

  Raises:
    ValueError: If `size` is less than 1.
  """
  with tf.name_scope(name):
    return DenseMatrix.trainable_rotation(size, seed, dtype, name)
