"""An invertible matrix that is stored as its QR factors."""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.matrices.factored_matrix import FactoredMatrix
from tfp_cinc.matrices.plu_matrix import (
  signed_scale,
  strict_lower,
  strict_lower_entries,
)

__all__ = ['QRMatrix', 'trainable_qr_matrix']


class QRMatrix(FactoredMatrix):
  """An invertible C x C matrix A = Q R that cannot become singular.

  Q = H_1 H_2 ... H_C is a product of Householder reflections
  H_i = I - 2 v_i v_i^T / (v_i^T v_i). R is upper triangular with the diagonal
  sign * exp(log_scale). log|det A| = sum(log_scale) is finite for all values of
  the parameters, as long as no v_i is 0. Any invertible matrix is such a
  product. Unlike `PLUMatrix`, it has no fixed permutation that favors some
  matrices.

  With the v_i as columns of V, the product needs no loop:

  ```
  Q = I - V S^-1 V^T,   S = strict_upper(V^T V) + diag(V^T V) / 2
  ```

  It has 3 C^2 / 2 + C / 2 parameters for C^2 entries. `dense` and `inverse`
  cost about 3 C^3 each.

  #### Example

  >>> matrix = trainable_qr_matrix(3, seed=1)
  >>> bool(tf.norm(matrix.inverse() - tf.transpose(matrix.dense())) < 1e-5)
  True

  #### References

  Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for
  Generative Normalizing Flows](https://arxiv.org/abs/1901.11137), the QR 1x1
  convolution; here the diagonal is stored as its logarithm. Joffrain et al.
  2006, Accumulating Householder Transformations, Revisited, for Q.
  """

  _trained = ('reflections', 'log_scale', 'upper')
  _fixed = ('sign',)

  def __init__(
    self,
    reflections: TensorLike,
    log_scale: TensorLike,
    upper: TensorLike,
    sign: TensorLike | None = None,
    name: str | None = None,
  ):
    """Stores the factors.

    Args:
      reflections: `Tensor` or `Variable` [C, C]; column i is v_i, any vector
        except 0.
      log_scale: `Tensor` or `Variable` [C].
      upper: `Tensor` or `Variable` [C*(C-1)/2], the entries of R above the
        diagonal, column by column.
      sign: `Tensor` or `Variable` [C] of +1 and -1, or None for +1.
      name: Name of the module.

    Raises:
      ValueError: If the shapes of the arguments do not match one C.
    """
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
      f'with {size} reflections',
      reflections=(size, size),
      log_scale=(size,),
      upper=(size * (size - 1) // 2,),
      sign=(size,),
    )

  @classmethod
  def _factorize(cls, matrix):
    reflections, triangle = np.zeros_like(matrix), matrix.copy()
    for i in range(len(matrix)):
      # This reflection maps column i, from the diagonal down, to a multiple of
      # the first unit vector. The sign avoids cancellation.
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

  def dense(self) -> tf.Tensor:
    """Returns the matrix A, [C, C]."""
    return self._rotation() @ self._triangle()

  def inverse(self) -> tf.Tensor:
    """Returns the inverse of A, [C, C], by a triangular solve."""
    return tf.linalg.triangular_solve(
      self._triangle(), tf.transpose(self._rotation()), lower=False
    )

  def log_abs_det(self) -> tf.Tensor:
    """Returns log|det A|, a scalar."""
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


def trainable_qr_matrix(
  size: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'qr_matrix',
) -> QRMatrix:
  """Returns a trainable `QRMatrix`, initialized as a random rotation.

  Args:
    size: Number of rows and columns, C.
    seed: Seed of the rotation. None draws a new one.
    dtype: Floating dtype.
    name: Name of the module.

  Returns:
    `QRMatrix` with 3 C^2 / 2 + C / 2 trainable parameters.

  Raises:
    ValueError: If `size` is less than 1.
  """
  with tf.name_scope(name):
    return QRMatrix.trainable_rotation(size, seed, dtype, name)
