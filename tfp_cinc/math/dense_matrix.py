"""An invertible matrix by its entries."""

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.invertible_matrix import InvertibleMatrix

__all__ = ['DenseMatrix']


class DenseMatrix(InvertibleMatrix):
  """A C x C matrix A held by its C^2 entries.

  It can be any invertible matrix, but nothing keeps it from becoming singular
  while it is trained: log|det A| goes to -infinity there. Its inverse and its
  log-det cost C^3 each.

  Glow (Kingma and Dhariwal 2018), section 3.2, before its LU decomposition.

  Args:
    matrix: `Tensor` or `Variable` [C, C], invertible.
    name: name of the module.

  Raises:
    ValueError: if the matrix is not square.

  #### Example

  >>> matrix = DenseMatrix([[0.0, 2.0], [1.0, 0.0]])
  >>> matrix.inverse().numpy().tolist()
  [[0.0, 1.0], [0.5, 0.0]]
  """

  _learned = ('matrix',)

  def __init__(self, matrix, name: str | None = None):
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

  def _dense(self):
    """The matrix A, [C, C]."""
    return tf.convert_to_tensor(self.matrix)

  def _inverse(self):
    """The inverse of A, [C, C], by LU factors."""
    return tf.linalg.inv(self.matrix)

  def log_abs_det(self) -> tf.Tensor:
    """log|det A|, a scalar, as that of R in A = Q R."""
    # TensorFlow's LU has no gradient, and its det no XLA kernel.
    _, triangle = tf.linalg.qr(self.matrix)
    return tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(triangle))))
