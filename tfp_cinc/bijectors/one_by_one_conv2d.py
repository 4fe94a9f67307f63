"""Invertible 1x1 convolution."""

import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.math.dense_matrix import DenseMatrix
from tfp_cinc.math.invertible_matrix import InvertibleMatrix
from tfp_cinc.math.plu import PLUMatrix
from tfp_cinc.math.qr_matrix import QRMatrix

__all__ = ['PARAMETRIZATIONS', 'OneByOneConv2D', 'trainable_one_by_one_conv2d']

# How the matrix of a trainable layer is held.
PARAMETRIZATIONS = {'plu': PLUMatrix, 'dense': DenseMatrix, 'qr': QRMatrix}


class OneByOneConv2D(ConstantJacobianBijector):
  """An invertible linear map of the channels of each pixel.

  ```
  forward(x) = x @ A
  inverse(y) = y @ A^-1
  forward_log_det_jacobian(x) = log|det A|   (times H * W for an image)
  ```

  Both directions cost H * W * C^2. As a `PLUMatrix` or a `QRMatrix` A stays
  invertible while it is trained and its log-det costs C; as a `DenseMatrix` it
  may become singular and its log-det costs C^3.

  Glow (Kingma and Dhariwal 2018), section 3.2, for the plain matrix and its LU
  decomposition; Hoogeboom et al. 2019 (Emerging Convolutions for Generative
  Normalizing Flows) for QR.

  #### Example

  >>> layer = trainable_one_by_one_conv2d(channels=4, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> layer.forward(x).shape
  TensorShape([2, 8, 8, 4])
  """

  def __init__(
    self,
    matrix: InvertibleMatrix,
    validate_args: bool = False,
    name: str = 'one_by_one_conv2d',
  ):
    """Creates the layer.

    Args:
      matrix: A, [C, C] from input to output channels: a `PLUMatrix`, a
        `QRMatrix` or a `DenseMatrix`.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      self._matrix = matrix
      super().__init__(
        forward_min_event_ndims=1,
        dtype=matrix.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def matrix(self) -> InvertibleMatrix:
    """The matrix A, as it is held."""
    return self._matrix

  def _forward(self, x):
    check_channels(self.name, x, self.matrix.size)
    return _matmul(x, self.matrix.dense())

  def _inverse(self, y):
    check_channels(self.name, y, self.matrix.size)
    return _matmul(y, self.matrix.inverse())

  def _forward_log_det_jacobian(self, x):
    return self.matrix.log_abs_det()


def _matmul(x, matrix):
  """The product of all the C-vectors of x with a matrix, as one product."""
  flat = tf.reshape(x, [-1, matrix.shape[0]]) @ matrix
  return tf.ensure_shape(tf.reshape(flat, tf.shape(x)), x.shape)


def trainable_one_by_one_conv2d(
  channels: int,
  *,
  parametrization: str = 'plu',
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'one_by_one_conv2d',
) -> OneByOneConv2D:
  """A `OneByOneConv2D` of new Variables that starts as a random rotation.

  Args:
    channels: C.
    parametrization: how the matrix is held. 'plu': as factors of a fixed
      permutation and fixed signs, C^2 parameters (Glow's); 'qr': as a product
      of reflections and a triangle of fixed signs, 3 C^2 / 2 + C / 2 parameters
      (Emerging Convolutions'); 'dense': by its entries, C^2 parameters.
    seed: of the rotation, which is the same for all parametrizations; None
      draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `OneByOneConv2D`.

  Raises:
    ValueError: if `channels` is less than 1, or `parametrization` unknown.
  """
  check_choice('parametrization', parametrization, PARAMETRIZATIONS)
  if channels < 1:
    raise ValueError(f'`channels` is {channels}; it must be at least 1.')
  kind = PARAMETRIZATIONS[parametrization]
  matrix = kind.random_rotation(channels, seed, dtype)
  with tf.name_scope(name):
    return OneByOneConv2D(matrix.trainable(), name=name)
