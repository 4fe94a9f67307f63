"""Dequantization by noise that a flow of its own has learned."""

import itertools

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.conditioning import condition_on
from tfp_cinc.dequantization import dequantize
from tfp_cinc.models.steps import StepOptions

__all__ = [
  'VariationalDequantization',
  'trainable_variational_dequantization',
]

tfb = tfp.bijectors
tfd = tfp.distributions

# Any nearer to 1, and rounding would put some values into the next bin.
_MAX = 1.0 - 2.0**-14


class VariationalDequantization(tf.Module):
  """Noise within the bins of an image's pixels, from a flow given the image.

  ```
  h = bijector.forward(e; image), e ~ Logistic(0, 1),  u = sigmoid(h)
  ```

  has a density q(u | image) on (0, 1), which is uniform where the bijector is
  the identity. For a density p of the continuous images x = (pixel + u) / 2^b -
  1/2, as `dequantize` makes them, Jensen's inequality bounds the probability of
  the pixels:

  ```
  log P(pixels) >= E_q[log p(x) - log q(u | pixels)] - H * W * C * b * ln 2
  ```

  so that `bits_per_dim(log_prob - log_q, ...)` is an upper bound of the bits
  per dimension. Report it as one: uniform noise has log q = 0, and its figure
  is the same bound, less tight.

  Flow++ (Ho et al. 2019), section 3.1, eqs 2 and 3.

  #### Example

  >>> noise = trainable_variational_dequantization(
  ...   [4, 4, 1], depth=2, hidden_channels=8, seed=0
  ... )
  >>> pixels = tf.zeros([5, 4, 4, 1], tf.uint8)
  >>> x, log_q = noise.dequantize(pixels)
  >>> x.shape, log_q.shape
  (TensorShape([5, 4, 4, 1]), TensorShape([5]))
  """

  def __init__(
    self, bijector: tfb.Bijector, name: str = 'variational_dequantization'
  ):
    """Creates the distribution of the noise.

    Args:
      bijector: a conditional bijector of [H, W, C] whose condition is a map [H,
        W, C]: the image, its values in [-0.5, 0.5].
      name: name of the module.
    """
    super().__init__(name=name)
    self.bijector = bijector

  def dequantize(self, images, num_bits: int = 8, seed=None, noise=None):
    """Continuous images and the log-density of their noise.

    Args:
      images: uint8 [..., H, W, C].
      num_bits: of a pixel, see `tfp_cinc.dequantize`.
      seed: of the noise, as TFP takes it.
      noise: `Tensor` in [0, 1) of the shape of `images`, uniform numbers to
        make the noise of in place of drawn ones: those that `tfp_cinc.
        dequantize` would take as they are.

    Returns:
      (x, log_q): `Tensor` [..., H, W, C] in [-0.5, 0.5) and [...], the
      log-density of u in nats. Subtract it from the flow's `log_prob`.

    Raises:
      ValueError: if `images` are not uint8, or `num_bits` is out of range.
    """
    dtype = self.bijector.dtype or tf.float32
    middle = tf.cast(dequantize(images, num_bits, noise=0.5), dtype)
    base = tfd.Logistic(tf.zeros([], dtype), tf.ones([], dtype))
    if noise is None:
      e = base.sample(tf.shape(middle), seed=seed)
    else:
      # Neither end has a quantile; float32 images have no finer noise.
      e = base.quantile(tf.clip_by_value(tf.cast(noise, dtype), 2.0**-17, _MAX))
    e = tf.ensure_shape(e, middle.shape)
    kwargs = condition_on(self.bijector, middle)
    logits = self.bijector.forward(e, **kwargs)
    log_det = self.bijector.forward_log_det_jacobian(e, 3, **kwargs)
    # log q = log p(e) - log|dh/de| - log(du/dh), with du/dh = p(h).
    log_density = base.log_prob(e) - base.log_prob(logits)
    log_q = tf.reduce_sum(log_density, axis=[-3, -2, -1]) - log_det
    u = tf.minimum(tf.sigmoid(logits), _MAX)
    return middle + (u - 0.5) / 2**num_bits, log_q


def trainable_variational_dequantization(
  image_shape,
  *,
  depth: int = 4,
  coupling: str = 'affine',
  network: str = 'glow',
  hidden_channels: int = 64,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'variational_dequantization',
) -> VariationalDequantization:
  """Couplings by checkerboards in turn, given the image.

  The noise is uniform at the start, with all couplings but 'logistic_mixture'.

  Args:
    image_shape: [H, W, C].
    depth: how many couplings, at least 1.
    coupling: as in `multiscale_flow`, like all that follow.
    network: of the couplings.
    hidden_channels: of the networks.
    seed: of all initial values.
    dtype: of the noise.
    network_dtype: what the networks compute in.
    name: name of the module.

  Returns:
    `VariationalDequantization` of new Variables.

  Raises:
    ValueError: if `depth` is less than 1 or an argument unknown.
  """
  if depth < 1:
    raise ValueError(f'`depth` is {depth}; it must be at least 1.')
  channels = int(image_shape[-1])
  options = StepOptions(
    coupling=coupling,
    scale_function='tanh',  # the identity at its start
    network=network,
    hidden_channels=hidden_channels,
    condition_channels=channels,
    seed=seed,
    dtype=tf.as_dtype(dtype),
    network_dtype=network_dtype,
  )
  with tf.name_scope(name):
    steps = [
      options.checkerboard(channels, kept, f'coupling_{step}')
      for step, kept in zip(
        range(depth), itertools.cycle(['even', 'odd']), strict=False
      )
    ]
    return VariationalDequantization(
      ReversibleChain(steps[::-1], 'store', name='noise'), name=name
    )
