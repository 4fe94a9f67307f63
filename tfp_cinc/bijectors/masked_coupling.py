"""Couplings by masks: checkerboards and channels."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.block_coupling import BlockCoupling, Network
from tfp_cinc.internal.choices import check_choice

__all__ = ['CheckerboardCoupling', 'MaskedCoupling']

MASKS = ('checkerboard', 'channels')
KEPT = ('even', 'odd')


class MaskedCoupling(BlockCoupling):
  """Changes the numbers outside a mask by those within.

  ```
  forward:  y = b * x + (1 - b) * g(x; network(b * x))
  inverse:  x = b * y + (1 - b) * g^-1(y; network(b * y))
  forward_log_det_jacobian(x) = sum_{h, w, c} (1 - b) * log g'(x; .)
  ```

  with a mask b of 0 and 1 and an increasing function g by name, as in
  `BlockCoupling`. The network sees an image of full size with zeros outside of
  the mask: its convolutions are masked.

  RealNVP (Dinh et al. 2017), section 3.4, eq. 9 and figure 3.

  #### Example

  >>> from tfp_cinc.networks import glow_network
  >>> network = glow_network(4, 8, hidden_channels=16, seed=1)
  >>> layer = MaskedCoupling(network, mask='channels', kept='odd')
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    network: Network,
    mask: str = 'checkerboard',
    kept: str = 'even',
    function: str = 'affine',
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'masked_coupling',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      network: from [..., H, W, C] to [..., H, W, P*C], see `BlockCoupling`.
      mask: 'checkerboard': pixels by row + column; 'channels': by halves of the
        channels.
      kept: which of them the layer leaves as they are: 'even' (the top left
        pixel, the first half) or 'odd'.
      function: g: 'affine', 'additive', 'logistic_mixture' or 'spline'.
      scale_function: as in `BlockCoupling`.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
      parameters: for subclasses, their constructor's arguments.

    Raises:
      ValueError: if a word is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    check_choice('mask', mask, MASKS)
    check_choice('kept', kept, KEPT)
    self._mask_name, self._kept = mask, kept
    super().__init__(
      [network],
      function,
      scale_function,
      dtype,
      validate_args,
      name,
      parameters,
    )

  @property
  def mask(self) -> str:
    """The name of the mask."""
    return self._mask_name

  @property
  def kept(self) -> str:
    """Which half the layer leaves as it is."""
    return self._kept

  def _split(self, inputs):
    zero = tf.zeros([], inputs.dtype)
    return tf.where(self._changes(inputs), zero, inputs), inputs

  def _join(self, blocks):
    kept, changed = blocks
    return tf.where(self._changes(changed), changed, kept)

  def _of_changed(self, log_slope):
    zero = tf.zeros([], log_slope.dtype)
    return tf.where(self._changes(log_slope), log_slope, zero)

  def _changes(self, images):
    """Where the layer changes images of this shape, 1 - b as bools."""
    height, width, channels = images.shape[-3:]
    if None in (height, width, channels):
      raise ValueError(
        f'{self.name}: images have shape {images.shape}; a mask needs static '
        'H, W and C.'
      )
    if self._mask_name == 'channels':
      is_odd = np.arange(channels) >= channels // 2
    else:
      is_odd = np.indices([height, width, 1]).sum(axis=0) % 2 == 1
    return is_odd if self._kept == 'even' else ~is_odd


class CheckerboardCoupling(MaskedCoupling):
  """`MaskedCoupling` by a checkerboard of pixels.

  #### Example

  >>> from tfp_cinc.networks import residual_network
  >>> network = residual_network(3, 6, hidden_channels=16, seed=1)
  >>> layer = CheckerboardCoupling(network, kept='odd')
  >>> layer.forward(tf.zeros([5, 8, 8, 3])).shape
  TensorShape([5, 8, 8, 3])
  """

  def __init__(
    self,
    network: Network,
    kept: str = 'even',
    function: str = 'affine',
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'checkerboard_coupling',
  ):
    """Creates the layer.

    Args:
      network: as in `MaskedCoupling`, like all that follow.
      kept: 'even' or 'odd' pixels.
      function: g.
      scale_function: of g.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if a word is unknown.
    """
    parameters = dict(locals())
    super().__init__(
      network,
      'checkerboard',
      kept,
      function,
      scale_function,
      dtype,
      validate_args,
      name,
      parameters,
    )
