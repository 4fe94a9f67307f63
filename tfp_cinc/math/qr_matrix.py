"""An invertible matrix as a rotation times a triangle."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.math.invertible_matrix import (
  InvertibleMatrix,
  signed_scale,
  strict_lower,
  strict_lower_entries,
)

__all__ = ['QRMatrix']


class QRMatrix(InvertibleMatrix):
  """An invertible C x C matrix A = Q R that cannot become singular.

  Q = H_1 H_2 ... H_C is a product of Householder reflections H_i = I - 2 v_i
  v_i^T / (v_i^T v_i), and R is upper triangular with the diagonal sign *
  exp(log_scale): log|det A| = sum(log_scale) is finite whatever values its
  parameters take, as long as no v_i is 0. Any invertible matrix is such a
  product, which no fixed permutation makes easier or harder to reach.

  With the v_i as columns of V the product needs no loop:

  ```
  Q = I - V S^-1 V^T,   S = strict_upper(V^T V) + diag(V^T V) / 2
  ```

  It has 3 C^2 / 2 + C / 2 parameters for C^2 entries; `dense` and `inverse`
  cost about 3 C^3.

  Hoogeboom et al. 2019 (Emerging Convolutions for Generative Normalizing
  Flows), the QR 1x1 convolution, with the diagonal by its logarithm; Joffrain
  et al. 2006 (Accumulating Householder Transformations, Revisited) for Q.

  Args:
    reflections: `Tensor` or `Variable` [C, C]; column i is v_i, of any length.
    log_scale: `Tensor` or `Variable` [C].
    upper: `Tensor` or `Variable` [C*(C-1)/2], the entries of R above the
      diagonal, row by row of the transpose of R.
    sign: `Tensor` or `Variable` [C] of +1 and -1, or None for +1.
    name: name of the module.

  Raises:
    ValueError: if the sizes of the arguments do not belong to one C.

  #### Example

  >>> matrix = QRMatrix.random_rotation(3, seed=1)
  >>> bool(tf.norm(matrix.inverse() - tf.transpose(matrix.dense())) < 1e-5)
  True
  """

  _learned = ('reflections', 'log_scale', 'upper')
  _fixed = ('sign',)

  def __init__(
    self, reflections, log_scale, upper, sign=None, name: str | None = None
  ):
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [reflections, log_scale, upper], dtype_hint=tf.float32
    )
    self.reflections = convert(reflections, dtype=dtype)
    self.log_scale = convert(log_scale, dtype=dtype)
    self.upper = convert(upper, dtype=dtype)
    self.sign = convert(sign, dtype=dtype)
    self.size = size = self.reflections.shape[-1]
    self._check_shapes(
      f'with reflections of {size} columns',
      reflections=(size, size),
      log_scale=(size,),
      upper=(size * (size - 1) // 2,),
      sign=(size,),
    )

  @classmethod
  def _factorize(cls, matrix):
    reflections, triangle = np.zeros_like(matrix), matrix.copy()
    for i in range(len(matrix)):
      # The reflection that takes the rest of column i to a multiple of its
      # first entry; the sign avoids cancellation.
      vector = triangle[i:, i].copy()
      vector[0] += np.copysign(np.linalg.norm(vector), vector[0])
      vector /= np.linalg.norm(vector)
      triangle[i:] -= 2 * np.outer(vector, vector @ triangle[i:])
      reflections[i:, i] = vector
    diagonal = np.diag(triangle)
    return {
      'reflections': reflections,
      'log_scale': np.log(np.abs(diagonal)),
      'upper': strict_lower_entries(triangle.T),
      'sign': np.sign(diagonal),
    }

  def _dense(self):
    """The matrix A, [C, C]."""
    return self._rotation() @ self._triangle()

  def _inverse(self):
    """The inverse of A, [C, C], by a triangular solve."""
    return tf.linalg.triangular_solve(
      self._triangle(), tf.transpose(self._rotation()), lower=False
    )

  def log_abs_det(self) -> tf.Tensor:
    """log|det A|, a scalar."""
    return tf.reduce_sum(self.log_scale)

  def _rotation(self):
    vectors = tf.convert_to_tensor(self.reflections)
    products = tf.matmul(vectors, vectors, transpose_a=True)
    # The solve reads nothing below the diagonal.
    system = tf.linalg.set_diag(products, tf.linalg.diag_part(products) / 2)
    solved = tf.linalg.triangular_solve(
      system, tf.transpose(vectors), lower=False
    )
    return tf.eye(self.size, dtype=self.dtype) - vectors @ solved

  def _triangle(self):
    return tf.linalg.set_diag(
      tf.transpose(strict_lower(self.upper, self.size)),
      signed_scale(self.log_scale, self.sign),
    )
