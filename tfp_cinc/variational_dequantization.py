"""Dequantization by noise that networks have learned."""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.dequantization import dequantize, quantize
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import on_image_batch
from tfp_cinc.networks import NETWORKS
from tfp_cinc.networks.layers import draw_seeds

__all__ = [
  'VariationalDequantization',
  'trainable_variational_dequantization',
]

tfd = tfp.distributions

# Any nearer to 1, and rounding would put some values into the next bin.
_MAX = 1.0 - 2.0**-14
_MAX_LOG_SCALE = 2.0
_SEEN = 3  # numbers for each channel of a pixel


class VariationalDequantization(tf.Module):
  """Noise within the bins of an image's pixels, from networks that see it.

  Channel by channel,

  ```
  u_c = sigmoid(exp(2 tanh(a / 2)) * e_c + b),  e_c ~ Logistic(0, 1)
  (b, a) = network_c(image, details, 2 u_1 - 1, ..., 2 u_{c-1} - 1)
  ```

  has a density q(u | image) on (0, 1), uniform where the networks give zeros.
  For a density p of the continuous images x = (pixel + u) / 2^bits - 1/2, as
  `dequantize` makes them, Jensen's inequality bounds the probability of the
  pixels:

  ```
  log P(pixels) >= E_q[log p(x) - log q(u | pixels)] - H * W * C * bits * ln 2
  ```

  so that `bits_per_dim(log_prob - log_q, ...)` is an upper bound of the bits
  per dimension. Report it as one: uniform noise has log q = 0, and its figure
  is the same bound, less tight.

  In smooth parts of an image the neighbours of a pixel tell how it was rounded.
  That is a matter of fractions of a grey level, which a network hardly finds in
  an image at its full range. So it is given the details, [H, W, 2 C], beside
  it: of the mean of the channels and the difference of each to the next, in
  bins, the deviation d from the mean over 3x3 pixels, as tanh(d / 1.5) and
  asinh(d) / 3. The noise of earlier channels counts, for colours are smoother
  than brightness.

  Flow++ (Ho et al. 2019), section 3.1, eqs 2 and 3, has the bound, with noise
  from a flow given the image.

  #### Example

  >>> noise = trainable_variational_dequantization(
  ...   [4, 4, 1], hidden_channels=8, seed=0
  ... )
  >>> pixels = tf.zeros([5, 4, 4, 1], tf.uint8)
  >>> x, log_q = noise.dequantize(pixels)
  >>> x.shape, log_q.shape
  (TensorShape([5, 4, 4, 1]), TensorShape([5]))
  """

  def __init__(
    self,
    networks: Sequence[Callable[[tf.Tensor], tf.Tensor]],
    dtype=tf.float32,
    name: str = 'variational_dequantization',
  ):
    """Creates the distribution of the noise.

    Args:
      networks: of each channel c = 1 ... C one, from [..., H, W, 3 C + c - 1],
        image, details and noise as above, to [..., H, W, 2].
      dtype: floating dtype of the noise.
      name: name of the module.

    Raises:
      ValueError: if there is no network.
    """
    super().__init__(name=name)
    if not networks:
      raise ValueError('`networks` is empty; it must have one of each channel.')
    self._networks, self._dtype = list(networks), tf.as_dtype(dtype)

  def dequantize(self, images, num_bits: int = 8, seed=None, noise=None):
    """Continuous images and the log-density of their noise.

    Args:
      images: uint8 [..., H, W, C].
      num_bits: of a pixel, see `tfp_cinc.dequantize`.
      seed: of the noise, as TFP takes it.
      noise: `Tensor` in [0, 1) that broadcasts with `images`, uniform numbers
        to make the noise of in place of drawn ones: those that `tfp_cinc.
        dequantize` would take as they are.

    Returns:
      (x, log_q): `Tensor` [..., H, W, C] in [-0.5, 0.5) and [...], the
      log-density of u in nats. Subtract it from the flow's `log_prob`.

    Raises:
      ValueError: if `images` are not uint8, or have another number of channels,
        or `num_bits` is out of range.
    """
    dtype = self._dtype
    middle = tf.cast(dequantize(images, num_bits, noise=0.5), dtype)
    if middle.shape[-1] != len(self._networks):
      raise ValueError(
        f'{self.name}: `images` have shape {middle.shape}; this noise is for '
        f'{len(self._networks)} channels.'
      )
    base = tfd.Logistic(tf.zeros([], dtype), tf.ones([], dtype))
    if noise is None:
      e = base.sample(tf.shape(middle), seed=seed)
    else:
      # Neither end has a quantile; float32 images have no finer noise.
      e = base.quantile(tf.clip_by_value(tf.cast(noise, dtype), 2.0**-17, _MAX))
      e = tf.broadcast_to(e, tf.shape(middle))
    e = tf.ensure_shape(e, middle.shape)
    known = [middle, _details(middle * 2**num_bits)]
    logits, log_scales = [], []
    for c, network in enumerate(self._networks):
      shift, scale = tf.split(network(tf.concat(known, -1)), 2, axis=-1)
      log_scale = _MAX_LOG_SCALE * tf.tanh(scale / _MAX_LOG_SCALE)
      logit = tf.exp(log_scale) * e[..., c : c + 1] + shift
      known.append(2.0 * tf.sigmoid(logit) - 1.0)
      logits.append(logit)
      log_scales.append(log_scale)
    logits = tf.concat(logits, -1)
    # log q = log p(e) - log|dh/de| - log(du/dh), with du/dh = p(h).
    log_density = base.log_prob(e) - base.log_prob(logits)
    log_density -= tf.concat(log_scales, -1)
    u = tf.minimum(tf.sigmoid(logits), _MAX)
    return (
      middle + (u - 0.5) / 2**num_bits,
      tf.reduce_sum(log_density, axis=[-3, -2, -1]),
    )

  def replace_uniform(self, values, num_bits: int = 8):
    """Images with this noise in the place of their uniform noise.

    Each image is moved within its bin, x -> f(x), to where the noise would have
    put it by the same uniform numbers. log_q is -log|df/dx|.

    Args:
      values: floating [..., H, W, C] in [-0.5, 0.5), as `tfp_cinc.dequantize`
        makes them.
      num_bits: of a pixel.

    Returns:
      (f(x), log_q), see `dequantize`.

    Raises:
      ValueError: as `dequantize` and `tfp_cinc.quantize`.
    """
    places = (values + 0.5) * 2**num_bits
    return self.dequantize(
      quantize(values, num_bits), num_bits, noise=places - tf.floor(places)
    )


def trainable_variational_dequantization(
  image_shape,
  *,
  network: str = 'pointwise',
  hidden_channels: int = 16,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'variational_dequantization',
) -> VariationalDequantization:
  """Learned noise that is uniform at the start.

  Args:
    image_shape: [H, W, C].
    network: of each channel, as in `multiscale_flow`, like all that follow.
    hidden_channels: of the networks.
    seed: of all initial values.
    dtype: of the noise.
    network_dtype: what the networks compute in.
    name: name of the module.

  Returns:
    `VariationalDequantization` of new Variables.

  Raises:
    ValueError: if `image_shape` is not [H, W, C] or another argument is not as
      it says.
  """
  image_shape = [int(size) for size in image_shape]
  if len(image_shape) != 3 or min(image_shape) < 1:
    raise ValueError(f'`image_shape` is {image_shape}; it must be [H, W, C].')
  check_choice('network', network, NETWORKS)
  channels = image_shape[-1]
  with tf.name_scope(name):
    networks = [
      NETWORKS[network](
        _SEEN * channels + c,
        2,
        hidden_channels=hidden_channels,
        seed=channel_seed,
        dtype=dtype,
        network_dtype=network_dtype,
        name=f'channel_{c}',
      )
      for c, channel_seed in enumerate(draw_seeds(seed, channels))
    ]
    return VariationalDequantization(networks, dtype, name=name)


def _details(bins):
  """What differs from pixel to pixel, [..., H, W, 2 C], of pixels in bins."""
  mean = tf.reduce_mean(bins, axis=-1, keepdims=True)
  parts = tf.concat([mean, bins[..., :-1] - bins[..., 1:]], axis=-1)
  deviation = parts - on_image_batch(
    # At the border, the mean over what is there.
    lambda x: tf.nn.avg_pool2d(x, 3, 1, 'SAME'),
    parts,
  )
  near, far = tf.tanh(deviation / 1.5), tf.asinh(deviation) / 3.0
  return tf.concat([near, far], axis=-1)
