"""Dequantization with learned noise."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.dequantization import (
  LARGEST_NOISE,
  check_noise,
  dequantize,
  quantize,
)
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.seeds import as_seed, split_seed, stateless_uniform
from tfp_cinc.internal.shapes import as_image_shape, on_image_batch
from tfp_cinc.internal.types import DTypeLike, SeedLike, TensorLike
from tfp_cinc.networks import NETWORKS

__all__ = [
  'VariationalDequantization',
  'trainable_variational_dequantization',
]

tfd = tfp.distributions

_MAX_LOG_SCALE = 2.0
_SEEN = 3  # input channels of a network for each channel of a pixel


class VariationalDequantization(tf.Module):
  """Learned noise within the bins of pixels, given the image.

  The noise is computed channel by channel. For channel c,

  ```
  u_c = sigmoid(exp(2 tanh(a / 2)) * e_c + b),  e_c ~ Logistic(0, 1)
  (b, a) = network_c(image, details, 2 u_1 - 1, ..., 2 u_{c-1} - 1)
  ```

  The noise u has a density q(u | image) on (0, 1), which is uniform if the
  networks return zeros. Let p be a density of the continuous images x that
  `dequantize` returns, x = (pixel + u) / 2^bits - 1/2. By Jensen's inequality,

  ```
  log P(pixels) >= E_q[log p(x) - log q(u | pixels)] - H * W * C * bits * ln 2
  ```

  so that `bits_per_dim(log_prob - log_q, ...)` is an upper bound of the bits
  per dimension. It should be reported as such. Uniform noise, with log q = 0,
  also gives an upper bound, but a looser one.

  In smooth parts of an image, the neighbors of a pixel indicate how it was
  rounded. This depends on fractions of a gray level, which are hard to learn
  from an image at its full range. The networks therefore also see the details
  of the image, [H, W, 2 C]. They are computed from the mean of the channels and
  the differences of consecutive channels, in units of a bin. If d is the
  deviation of such a value from its mean over 3x3 pixels, the details are
  tanh(d / 1.5) and asinh(d) / 3. The networks also see the noise of earlier
  channels, because colors are smoother than brightness.

  The networks can take a condition, such as that of the flow; bind it by
  `tfp_cinc.given(noise, condition)`.

  Cost: C network evaluations.

  #### Example

  >>> noise = trainable_variational_dequantization(
  ...   [4, 4, 1], hidden_channels=8, seed=0
  ... )
  >>> pixels = tf.zeros([5, 4, 4, 1], tf.uint8)
  >>> x, log_q = noise.dequantize(pixels)
  >>> x.shape, log_q.shape
  (TensorShape([5, 4, 4, 1]), TensorShape([5]))

  #### References

  Ho et al. 2019, [Flow++](https://arxiv.org/abs/1902.00275), section 3.1,
  equations 2 and 3, for the bound; its noise is that of a conditional flow.
  """

  def __init__(
    self,
    networks: Sequence[Callable[[tf.Tensor], tf.Tensor]],
    dtype: DTypeLike = tf.float32,
    name: str = 'variational_dequantization',
  ):
    """Stores the networks.

    Args:
      networks: List of C networks, one for each channel c = 1 ... C. Network c
        maps [..., H, W, 3 C + c - 1] (image, details and noise as above) to
        [..., H, W, 2].
      dtype: Floating dtype of the noise.
      name: Name of the module.

    Raises:
      ValueError: If there is no network.
    """
    super().__init__(name=name)
    if not networks:
      raise ValueError('`networks` is empty; each channel needs a network.')
    self._networks, self._dtype = list(networks), tf.as_dtype(dtype)

  # Name of the keyword argument that passes a condition to the networks.
  condition_keyword = 'condition'

  @property
  def dtype(self) -> tf.DType:
    """Floating dtype of the noise."""
    return self._dtype

  def own_networks(self) -> tuple:
    """Returns the networks."""
    return tuple(self._networks)

  def map_networks(self, function: Callable) -> 'VariationalDequantization':
    """Returns this noise with `function(network)` in place of each network."""
    networks = [*map(function, self._networks)]
    return VariationalDequantization(networks, self._dtype, self.name)

  def dequantize(
    self,
    images: TensorLike,
    num_bits: int = 8,
    seed: SeedLike = None,
    noise: TensorLike | None = None,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns continuous images and the log-density of their noise.

    Args:
      images: uint8 [..., H, W, C].
      num_bits: Bits per channel, 1 to 8, see `tfp_cinc.dequantize`.
      seed: Seed of the noise, as in `tfp_cinc.dequantize`. None draws new
        noise.
      noise: Uniform noise, `Tensor` in [0, 1) that broadcasts with `images`.
        The learned noise is computed from it instead of from random numbers.
        In contrast, `tfp_cinc.dequantize` uses its `noise` unchanged.

    Returns:
      (x, log_q): `Tensor` [..., H, W, C] in [-0.5, 0.5), and the log-density of
      u in nats, `Tensor` [...]. Subtract log_q from the `log_prob` of the flow.

    Raises:
      ValueError: If `images` are not uint8 or have another number of channels,
        or if another argument is not as described above.
    """
    middle = self._middle(images, num_bits)
    if noise is not None:
      noise = _inside(check_noise(noise, middle), self._dtype)
      return self._learned(middle, num_bits, noise)
    # As in `tfd.Logistic.sample`, whose numbers are others with XLA.
    limits = np.finfo(self._dtype.as_numpy_dtype)
    u = stateless_uniform(tf.shape(middle), as_seed(seed), self._dtype)
    u = tf.clip_by_value(u, limits.tiny, 1.0 - limits.epsneg)
    return self._learned(middle, num_bits, u)

  def _middle(self, images, num_bits):
    """Returns the middles of the bins of pixels."""
    middle = dequantize(images, num_bits, noise=0.5)
    middle = tf.cast(middle, self._dtype)
    if middle.shape[-1] != len(self._networks):
      raise ValueError(
        f'{self.name}: `images` have shape {middle.shape}; this noise is for '
        f'{len(self._networks)} channels.'
      )
    return middle

  def _learned(self, middle, num_bits, noise):
    """Returns what `dequantize` returns for uniform noise in (0, 1)."""
    dtype = self._dtype
    base = tfd.Logistic(tf.zeros([], dtype), tf.ones([], dtype))
    e = tf.broadcast_to(base.quantile(noise), tf.shape(middle))
    e = tf.ensure_shape(e, middle.shape)
    known = [middle, _details(middle * 2.0**num_bits)]
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
    u = tf.minimum(tf.sigmoid(logits), LARGEST_NOISE)
    return (
      middle + (u - 0.5) / 2.0**num_bits,
      tf.reduce_sum(log_density, axis=[-3, -2, -1]),
    )

  def replace_uniform(
    self, values: tf.Tensor, num_bits: int = 8
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns images with learned noise in place of their uniform noise.

    Each image x is moved to f(x), within the same bins. f(x) is the image that
    `dequantize` returns for the uniform noise of x, and log_q = -log|df/dx|.

    Args:
      values: Floating `Tensor` [..., H, W, C] in [-0.5, 0.5), as returned by
        `tfp_cinc.dequantize`.
      num_bits: Bits per channel, 1 to 8.

    Returns:
      (f(x), log_q), see `dequantize`.

    Raises:
      ValueError: If `values` are not floating or have another number of
        channels, or if `num_bits` is out of range.
    """
    pixels = quantize(values, num_bits)
    places = (values + 0.5) * 2.0**num_bits
    noise = _inside(places - tf.floor(places), self._dtype)
    return self._learned(self._middle(pixels, num_bits), num_bits, noise)


def _inside(noise, dtype):
  """Bounds uniform noise: the quantiles of 0 and 1 are infinite.

  The noise of float32 images does not reach beyond these bounds.
  """
  return tf.clip_by_value(tf.cast(noise, dtype), 2.0**-17, LARGEST_NOISE)


def trainable_variational_dequantization(
  image_shape: Sequence[int],
  *,
  network: str = 'pointwise',
  hidden_channels: int = 16,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'variational_dequantization',
) -> VariationalDequantization:
  """Returns a trainable `VariationalDequantization`.

  Its noise is initially uniform.

  Args:
    image_shape: Shape [H, W, C] of an image.
    network: Network of each channel, one of the names in `multiscale_flow`.
    hidden_channels: Number of hidden channels of the networks.
    condition_channels: Number of channels K of the condition, 0 for none.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the noise.
    network_dtype: Dtype in which the networks compute, see `multiscale_flow`.
    name: Name of the module.

  Raises:
    ValueError: If `image_shape` is not [H, W, C] or another argument is not as
      described above.
  """
  image_shape = as_image_shape(image_shape)
  check_choice('network', network, NETWORKS)
  channels = image_shape[-1]
  with tf.name_scope(name):
    networks = [
      NETWORKS[network](
        _SEEN * channels + c,
        2,
        hidden_channels=hidden_channels,
        condition_channels=condition_channels,
        seed=channel_seed,
        dtype=dtype,
        network_dtype=network_dtype,
        name=f'channel_{c}',
      )
      for c, channel_seed in enumerate(split_seed(seed, channels))
    ]
    return VariationalDequantization(networks, dtype, name=name)


def _details(bins):
  """Returns the details of an image, see `VariationalDequantization`.

  Args:
    bins: Pixels in units of a bin, `Tensor` [..., H, W, C].

  Returns:
    `Tensor` [..., H, W, 2 C].
  """
  mean = tf.reduce_mean(bins, axis=-1, keepdims=True)
  parts = tf.concat([mean, bins[..., :-1] - bins[..., 1:]], axis=-1)
  deviation = parts - on_image_batch(
    # At the border, 'SAME' averages only over pixels inside the image.
    lambda x: tf.nn.avg_pool2d(x, 3, 1, 'SAME'),
    parts,
  )
  near, far = tf.tanh(deviation / 1.5), tf.asinh(deviation) / 3.0
  return tf.concat([near, far], axis=-1)
