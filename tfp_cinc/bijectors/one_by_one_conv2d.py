"""The invertible 1x1 convolution."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.matrices import MATRICES, InvertibleMatrix

__all__ = ['OneByOneConv2D', 'trainable_one_by_one_conv2d']


class OneByOneConv2D(ConstantJacobianBijector):
  """Applies an invertible matrix to the channels of each pixel.

  ```
  forward(x) = x @ A
  inverse(y) = y @ A^-1
  forward_log_det_jacobian(x) = log|det A|   (times H * W for an image)
  ```

  `x` is [..., C]. Both directions cost H * W * C^2 for an image. If A is a
  `PLUMatrix` or a `QRMatrix`, it stays invertible during training and its
  log-det costs C. If A is a `DenseMatrix`, it may become singular and its
  log-det costs C^3.

  #### Example

  >>> layer = trainable_one_by_one_conv2d(channels=4, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> layer.forward(x).shape
  TensorShape([2, 8, 8, 4])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.2, for the plain matrix and its LU decomposition; Hoogeboom, van den Berg
  and Welling 2019, [Emerging Convolutions for Generative Normalizing Flows](
  https://arxiv.org/abs/1901.11137), for QR.
  """

  def __init__(
    self,
    matrix: InvertibleMatrix,
    validate_args: bool = False,
    name: str = 'one_by_one_conv2d',
  ):
    """Creates the layer.

    Args:
      matrix: The `InvertibleMatrix` A, [C, C], from input to output channels;
        see `tfp_cinc.matrices`.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
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
    """The matrix A."""
    return self._matrix

  def freeze(self, event_shape: Sequence[int]) -> 'OneByOneConv2D':
    """Freezes the layer and precomputes the inverse of the matrix."""
    del event_shape
    return self.copy(matrix=self._matrix.freeze())

  def _forward(self, x):
    return self._product(x, self._matrix.dense())

  def _inverse(self, y):
    return self._product(y, self._matrix.inverse())

  def _forward_log_det_jacobian(self, x):
    return self._matrix.log_abs_det()

  def _product(self, x, matrix):
    """Multiplies all C-vectors of x by a matrix."""
    if x.shape[-1] != self._matrix.size:
      check_channels(self.name, x, self._matrix.size)
    flat = tf.reshape(x, [-1, matrix.shape[0]]) @ matrix
    return tf.ensure_shape(tf.reshape(flat, tf.shape(x)), x.shape)


def trainable_one_by_one_conv2d(
  channels: int,
  *,
  parametrization: str = 'plu',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'one_by_one_conv2d',
) -> OneByOneConv2D:
  """Returns a trainable `OneByOneConv2D`, initialized as a random rotation.

  Args:
    channels: Number of channels, C.
    parametrization: Parametrization of the matrix. 'plu': LU factors with a
      fixed permutation and fixed signs, C^2 parameters, as in Glow. 'qr': a
      product of reflections and a triangular matrix with fixed signs,
      3 C^2 / 2 + C / 2 parameters, as in Emerging Convolutions. 'dense': the
      entries of the matrix, C^2 parameters.
    seed: Seed of the random rotation, which is the same for all
      parametrizations. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `OneByOneConv2D`.

  Raises:
    ValueError: If `channels` is less than 1, or `parametrization` is unknown.
  """
  check_choice('parametrization', parametrization, MATRICES)
  check_sizes(channels=channels)
  with tf.name_scope(name):
    matrix = MATRICES[parametrization](channels, seed=seed, dtype=dtype)
    return OneByOneConv2D(matrix, name=name)
