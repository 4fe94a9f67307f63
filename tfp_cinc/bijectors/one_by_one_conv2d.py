"""Invertible 1x1 convolution."""

import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.math.plu import PLUMatrix

__all__ = ['OneByOneConv2D', 'trainable_one_by_one_conv2d']


class OneByOneConv2D(ConstantJacobianBijector):
  """An invertible linear map of the channels of each pixel.

  ```
  forward(x) = x @ A
  inverse(y) = y @ A^-1
  forward_log_det_jacobian(x) = log|det A|   (times H * W for an image)
  ```

  A is held as factors, so that it stays invertible while it is trained and its
  log-det costs C. Both directions cost H * W * C^2.

  Glow (Kingma and Dhariwal 2018), sections 3.2.

  #### Example

  >>> layer = trainable_one_by_one_conv2d(channels=4, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> layer.forward(x).shape
  TensorShape([2, 8, 8, 4])
  """

  def __init__(
    self,
    matrix: PLUMatrix,
    validate_args: bool = False,
    name: str = 'one_by_one_conv2d',
  ):
    """Creates the layer.

    Args:
      matrix: A, the `PLUMatrix` [C, C] from input to output channels.
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

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}

  @property
  def matrix(self) -> PLUMatrix:
    """The matrix A in its factors."""
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
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'one_by_one_conv2d',
) -> OneByOneConv2D:
  """A `OneByOneConv2D` of new Variables that starts as a random rotation.

  Args:
    channels: C.
    seed: of the rotation; None draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `OneByOneConv2D` with C^2 parameters.
  """
  matrix = PLUMatrix.random_rotation(channels, seed, dtype)
  with tf.name_scope(name):
    return OneByOneConv2D(matrix.trainable(), name=name)
