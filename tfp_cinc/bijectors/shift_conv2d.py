"""The invertible n x n convolution by shifts."""

import tensorflow as tf

from tfp_cinc.bijectors.channel_shift import (
  ChannelShift,
  trainable_channel_shift,
)
from tfp_cinc.bijectors.one_by_one_conv2d import (
  OneByOneConv2D,
  trainable_one_by_one_conv2d,
)
from tfp_cinc.bijectors.reversible_chain import ReversibleChain

__all__ = ['ShiftConv2D', 'trainable_shift_conv2d']


class ShiftConv2D(ReversibleChain):
  """The invertible shift function, then a 1x1 convolution.

  ```
  forward(x) = (x * exp(log_scale) + shift) @ A
  inverse(y) = (y @ A^-1 - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = H * W * (sum_c log_scale[c] + log|det A|)
  ```

  The paper writes an n x n convolution as 1x1 convolutions of shifted images
  and puts one linear function per channel in the place of all the shifts. The
  layer sees one pixel at a time. Both directions cost H * W * C^2.

  Truong et al. 2019 (Generative Flow via Invertible n x n Convolution), section
  4 and eqs 6 to 10.

  #### Example

  >>> layer = trainable_shift_conv2d(channels=4, seed=1)
  >>> layer.forward(tf.zeros([2, 8, 8, 4])).shape
  TensorShape([2, 8, 8, 4])
  """

  def __init__(
    self,
    shift: ChannelShift,
    one_by_one: OneByOneConv2D,
    validate_args: bool = False,
    name: str = 'shift_conv2d',
  ):
    """Creates the layer.

    Args:
      shift: the shift function, applied first.
      one_by_one: the 1x1 convolution.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if the two are for different numbers of channels, or have
        different dtypes.
    """
    parameters = dict(locals())
    if shift.num_channels != one_by_one.matrix.size:
      raise ValueError(
        f'`shift` is for {shift.num_channels} channels and `one_by_one` for '
        f'{one_by_one.matrix.size}; both must be for the same number.'
      )
    super().__init__(
      [one_by_one, shift], 'store', validate_args, name, parameters
    )

  @property
  def shift(self) -> ChannelShift:
    """The shift function."""
    return self.bijectors[1]

  @property
  def one_by_one(self) -> OneByOneConv2D:
    """The 1x1 convolution."""
    return self.bijectors[0]


def trainable_shift_conv2d(
  channels: int,
  *,
  parametrization: str = 'plu',
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'shift_conv2d',
) -> ShiftConv2D:
  """A `ShiftConv2D` of new Variables that starts as a random rotation.

  Args:
    channels: C.
    parametrization: of the 1x1 convolution, see `trainable_one_by_one_conv2d`.
    seed: of the rotation; None draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `ShiftConv2D` with 2 C parameters beside those of the 1x1 convolution.

  Raises:
    ValueError: if `channels` is less than 1, or `parametrization` unknown.
  """
  with tf.name_scope(name):
    return ShiftConv2D(
      trainable_channel_shift(channels, dtype=dtype),
      trainable_one_by_one_conv2d(
        channels, parametrization=parametrization, seed=seed, dtype=dtype
      ),
      name=name,
    )
