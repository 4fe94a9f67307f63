"""The emerging convolution."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.bijectors.autoregressive_conv2d import (
  trainable_autoregressive_conv2d,
)
from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.causal_conv2d import CausalConv2D
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.cinc_conv2d import trainable_cinc_conv2d
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.math.causal_conv import OPPOSITE

__all__ = ['EmergingConv2D', 'trainable_emerging_conv2d']

MASKS = ('square', 'raster')


class EmergingConv2D(Chain):
  """Two causal convolutions with opposite padding, one after the other.

  The first one sees the pixels on one side of each pixel and the second one
  those on the other side. Together they see all pixels around it.

  ```
  forward(x) = second.forward(first.forward(x))
  forward_log_det_jacobian(x)
    = first.forward_log_det_jacobian(x) + second.forward_log_det_jacobian(x)
  ```

  `x` is [..., H, W, C]. Each direction costs the sum of the costs of the two
  convolutions. In the paper they follow a 1x1 convolution; see
  `models.emerging`.

  #### Example

  >>> layer = trainable_emerging_conv2d(channels=4, kernel_size=3, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for
  Generative Normalizing Flows](https://arxiv.org/abs/1901.11137), section 3.
  """

  def __init__(
    self,
    first: CausalConv2D,
    second: CausalConv2D,
    validate_args: bool = False,
    name: str = 'emerging_conv2d',
  ):
    """Creates the layer.

    Args:
      first: A `CInCConv2D` or `AutoregressiveConv2D`, applied first.
      second: Another such convolution with the opposite padding, applied
        second.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If the two paddings are not opposite.
    """
    parameters = dict(locals())
    if second.padding != OPPOSITE[first.padding]:
      raise ValueError(
        f'`first` has the padding {first.padding!r} and `second` '
        f'{second.padding!r}; `second` must have the opposite padding, '
        f'{OPPOSITE[first.padding]!r}.'
      )
    super().__init__(
      [second, first], 'store', validate_args, name, parameters=parameters
    )

  @property
  def first(self) -> CausalConv2D:
    """The convolution that is applied first."""
    return self.bijectors[1]

  @property
  def second(self) -> CausalConv2D:
    """The convolution that is applied second."""
    return self.bijectors[0]

  def with_parts(self, parts: Sequence[FlowBijector]) -> 'EmergingConv2D':
    """Returns this layer with two other convolutions."""
    second, first = parts
    return self.copy(first=first, second=second)


def trainable_emerging_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  mask: str = 'square',
  padding: str = 'top_left',
  diagonal_block: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'emerging_conv2d',
) -> EmergingConv2D:
  """Returns a trainable `EmergingConv2D`, initialized close to the identity.

  Args:
    channels: Number of channels, C.
    kernel_size: Kernel size k, an odd integer.
    mask: Mask of each convolution. 'square': a (k+1)/2 x (k+1)/2 kernel without
      a mask, as in the paper's experiments. Together, the two convolutions see
      a k x k square. 'raster': the half of a k x k kernel up to its center, in
      raster order. Together, they see a square of side 2k - 1. For k = 3 and
      `diagonal_block='plu'` the layer then has 10 C^2 parameters, as on the
      CInC Flow poster.
    padding: Padded sides of the first convolution; see `CInCConv2D`.
    diagonal_block: As in `trainable_cinc_conv2d`, for both convolutions.
    use_bias: Whether the second convolution has a bias.
    seed: Seed of the initial kernels. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `EmergingConv2D`.

  Raises:
    ValueError: If `channels` or `kernel_size` is less than 1, `kernel_size` is
      even, or `mask`, `padding` or `diagonal_block` is unknown.
  """
  check_choice('mask', mask, MASKS)
  check_choice('padding', padding, OPPOSITE)
  check_sizes(channels=channels, kernel_size=kernel_size)
  if kernel_size % 2 == 0:
    raise ValueError(f'`kernel_size` is {kernel_size}; it must be odd.')
  make: Callable[..., CausalConv2D]
  if mask == 'square':
    make, size = trainable_cinc_conv2d, (kernel_size + 1) // 2
  else:
    make, size = trainable_autoregressive_conv2d, kernel_size
  with tf.name_scope(name):
    first, second = (
      make(
        channels,
        size,
        padding=side,
        diagonal_block=diagonal_block,
        use_bias=use_bias and number == 'second',
        seed=draw,
        dtype=dtype,
        name=f'{number}_conv2d',
      )
      for number, side, draw in zip(
        ('first', 'second'),
        (padding, OPPOSITE[padding]),
        split_seed(seed, 2),
        strict=True,
      )
    )
  return EmergingConv2D(first, second, name=name)
