"""The emerging convolution."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.autoregressive_conv2d import (
  trainable_autoregressive_conv2d,
)
from tfp_cinc.bijectors.causal_conv2d import CausalConv2D
from tfp_cinc.bijectors.cinc_conv2d import trainable_cinc_conv2d
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.math.causal_conv import OPPOSITE

__all__ = ['EmergingConv2D', 'trainable_emerging_conv2d']

MASKS = ('square', 'raster')


class EmergingConv2D(ReversibleChain):
  """Two causal convolutions of opposite padding, one after the other.

  Each sees one side of a pixel; together they see all around it.

  ```
  forward(x) = second.forward(first.forward(x))
  forward_log_det_jacobian(x)
    = H * W * (log|det first.corner| + log|det second.corner|)
  ```

  Both directions cost what those of the two cost. The paper has a 1x1
  convolution before them: see `models.emerging`.

  Hoogeboom, van den Berg and Welling 2019 (Emerging Convolutions for Generative
  Normalizing Flows), section 3.

  #### Example

  >>> layer = trainable_emerging_conv2d(channels=4, kernel_size=3, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True
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
      first: a `CInCConv2D` or `AutoregressiveConv2D`, applied first.
      second: another one, of the opposite padding.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if the two paddings are not opposite.
    """
    parameters = dict(locals())
    if second.padding != OPPOSITE[first.padding]:
      raise ValueError(
        f'`first` has the padding {first.padding!r} and `second` '
        f'{second.padding!r}; that must be {OPPOSITE[first.padding]!r}.'
      )
    super().__init__(
      [second, first], 'store', validate_args, name, parameters=parameters
    )


def trainable_emerging_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  mask: str = 'square',
  padding: str = 'top_left',
  corner: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'emerging_conv2d',
) -> EmergingConv2D:
  """An `EmergingConv2D` of new Variables that starts close to the identity.

  Args:
    channels: C.
    kernel_size: k of the square that the two see together, odd.
    mask: of each of the two. 'square': all of a (k+1)/2 x (k+1)/2 kernel, as in
      the paper's experiments; 'raster': the half of a k x k kernel that comes
      before its centre, which makes the 10 C^2 parameters of the CInC Flow
      poster for k = 3 and `corner='plu'`, and a square of 2k - 1.
    padding: of the first convolution, see `CInCConv2D`.
    corner: how the corners are held, see `trainable_cinc_conv2d`.
    use_bias: whether the second convolution has a bias.
    seed: of the initial kernels; None draws others each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `EmergingConv2D`.

  Raises:
    ValueError: if `channels` or `kernel_size` is less than 1, `kernel_size`
      even, or a word unknown.
  """
  check_choice('mask', mask, MASKS)
  check_choice('padding', padding, OPPOSITE)
  if kernel_size % 2 == 0:
    raise ValueError(f'`kernel_size` is {kernel_size}; it must be odd.')
  if mask == 'square':
    make, size = trainable_cinc_conv2d, (kernel_size + 1) // 2
  else:
    make, size = trainable_autoregressive_conv2d, kernel_size
  seeds = np.random.SeedSequence(seed).generate_state(2)
  with tf.name_scope(name):
    first, second = (
      make(
        channels,
        size,
        padding=side,
        corner=corner,
        use_bias=use_bias and number == 'second',
        seed=int(draw),
        dtype=dtype,
        name=f'{number}_conv2d',
      )
      for number, side, draw in zip(
        ('first', 'second'), (padding, OPPOSITE[padding]), seeds, strict=True
      )
    )
  return EmergingConv2D(first, second, name=name)
