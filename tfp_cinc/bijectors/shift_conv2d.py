"""The invertible n x n convolution based on shifts."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.channel_affine import (
  ChannelAffine,
  trainable_channel_affine,
)
from tfp_cinc.bijectors.one_by_one_conv2d import (
  OneByOneConv2D,
  trainable_one_by_one_conv2d,
)
from tfp_cinc.internal.types import DTypeLike

__all__ = ['ShiftConv2D', 'trainable_shift_conv2d']


class ShiftConv2D(Chain):
  """The invertible shift function, followed by a 1x1 convolution.

  ```
  forward(x) = (x * exp(log_scale) + shift) @ A
  inverse(y) = (y @ A^-1 - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = H * W * (sum_c log_scale[c] + log|det A|)
  ```

  `x` is [..., H, W, C]. Both directions cost H * W * C^2.

  The paper writes an n x n convolution as 1x1 convolutions of shifted images,
  and then replaces all shifts by one linear function per channel. The layer
  therefore sees only one pixel at a time.

  #### Example

  >>> layer = trainable_shift_conv2d(channels=4, seed=1)
  >>> layer.forward(tf.zeros([2, 8, 8, 4])).shape
  TensorShape([2, 8, 8, 4])

  #### References

  Truong et al. 2019, [Generative Flow via Invertible n x n Convolution](
  https://arxiv.org/abs/1905.10170), section 4 and eqs 6-10.
  """

  def __init__(
    self,
    affine: ChannelAffine,
    one_by_one: OneByOneConv2D,
    validate_args: bool = False,
    name: str = 'shift_conv2d',
  ):
    """Creates the layer.

    Args:
      affine: The shift function, applied first.
      one_by_one: The 1x1 convolution, applied second.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If the two have different numbers of channels or different
        dtypes.
    """
    parameters = dict(locals())
    if affine.num_channels != one_by_one.matrix.size:
      raise ValueError(
        f'`affine` is for {affine.num_channels} channels and `one_by_one` for '
        f'{one_by_one.matrix.size}; both numbers must be equal.'
      )
    super().__init__(
      [one_by_one, affine], 'store', validate_args, name, parameters
    )

  @property
  def affine(self) -> ChannelAffine:
    """The shift function."""
    return self.bijectors[1]

  @property
  def one_by_one(self) -> OneByOneConv2D:
    """The 1x1 convolution."""
    return self.bijectors[0]

  def with_parts(self, parts: Sequence[FlowBijector]) -> 'ShiftConv2D':
    """Returns this layer with two other parts."""
    one_by_one, affine = parts
    return self.copy(affine=affine, one_by_one=one_by_one)


def trainable_shift_conv2d(
  channels: int,
  *,
  parametrization: str = 'plu',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'shift_conv2d',
) -> ShiftConv2D:
  """Returns a trainable `ShiftConv2D`, initialized as a random rotation.

  Args:
    channels: Number of channels, C.
    parametrization: Parametrization of the 1x1 convolution; see
      `trainable_one_by_one_conv2d`.
    seed: Seed of the rotation. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `ShiftConv2D` with 2 C parameters in addition to those of the 1x1
    convolution.

  Raises:
    ValueError: If `channels` is less than 1, or `parametrization` is unknown.
  """
  with tf.name_scope(name):
    return ShiftConv2D(
      trainable_channel_affine(channels, dtype=dtype),
      trainable_one_by_one_conv2d(
        channels, parametrization=parametrization, seed=seed, dtype=dtype
      ),
      name=name,
    )
