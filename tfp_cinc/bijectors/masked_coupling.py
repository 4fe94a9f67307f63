"""Couplings with masks of pixels or channels."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.block_coupling import Network
from tfp_cinc.bijectors.coupling import OneNetworkCoupling
from tfp_cinc.bijectors.coupling_functions import CouplingFunction
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.types import DTypeLike

__all__ = ['MaskedCoupling']

# Masks of pixels: the pixels of odd parity are the second ones.
_PARITIES = {
  'checkerboard': lambda row, column: row + column,
  'rows': lambda row, column: row,
  'columns': lambda row, column: column,
}
MASKS = (*_PARITIES, 'channels')
KEPT = ('first', 'second')


class MaskedCoupling(OneNetworkCoupling):
  """Transforms the entries outside a mask as a function of those inside it.

  ```
  forward:  y = b * x + (1 - b) * g(x; network(b * x))
  inverse:  x = b * y + (1 - b) * g^-1(y; network(b * y))
  forward_log_det_jacobian(x) = sum_{h, w, c} (1 - b) * log g'(x; .)
  ```

  b is a binary mask, and g is an increasing function as in `BlockCoupling`. `x`
  is [..., H, W, C]. The network receives the full image with zeros outside the
  mask. Both directions cost one call of the network.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> network = trainable_glow_network(4, 8, hidden_channels=16, seed=1)
  >>> layer = MaskedCoupling(network, mask='channels', kept='second')
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.4, eq. 9 and figure 3.
  """

  def __init__(
    self,
    network: Network,
    mask: str = 'checkerboard',
    kept: str = 'first',
    function: str | CouplingFunction = 'affine',
    scale_function: str | Callable | None = None,
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'masked_coupling',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      network: Network from [..., H, W, C] to [..., H, W, P*C]; see
        `BlockCoupling`.
      mask: 'checkerboard' divides the pixels by the parity of row + column,
        'rows' by that of the row, 'columns' by that of the column. 'channels'
        divides the channels into halves.
      kept: The entries that the layer does not change. 'first': the pixels of
        even parity, or the first half of the channels. 'second': the others.
      function: The function g, as in `BlockCoupling`.
      scale_function: As in `BlockCoupling`.
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
      parameters: Constructor arguments of a subclass.

    Raises:
      ValueError: If `mask`, `kept`, `function` or `scale_function` is an
        unknown name.
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
    """The half that the layer does not change: 'first' or 'second'."""
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
    """Returns 1 - b as a bool array, for the shape of the images."""
    height, width, channels = images.shape[-3:]
    if None in (height, width, channels):
      raise ValueError(
        f'{self.name}: images have shape {images.shape}; a mask needs static '
        'H, W and C.'
      )
    if self._mask_name == 'channels':
      is_second = np.arange(channels) >= channels // 2
    else:
      row, column, _ = np.indices([height, width, 1])
      is_second = _PARITIES[self._mask_name](row, column) % 2 == 1
    return is_second if self._kept == 'first' else ~is_second
