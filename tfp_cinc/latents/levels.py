"""The latents of each level of a multi-scale flow."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import condition_on
from tfp_cinc.dequantization import bits_per_dim
from tfp_cinc.latents import layers
from tfp_cinc.latents.encoding import check_latents, check_values, latent_size

__all__ = [
  'bits_per_dim_by_level',
  'latent_levels',
  'log_prob_by_level',
  'merge_latents',
  'split_latents',
]

tfd = tfp.distributions


def latent_levels(flow: tfd.TransformedDistribution) -> np.ndarray:
  """The level at which each number of the latents leaves a flow.

  A level of a multi-scale flow is what stands between two `LeadingChannels`:
  its squeeze, its steps and the learned prior of the channels that leave. Those
  of the first level hold the finest detail, those of the last one the whole.
  A flow that is not multi-scale has one level.

  Args:
    flow: a flow over images [H, W, C], or over events of any shape.

  Returns:
    int32 array [D], from 0 to L - 1, in the order of `encode`.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=2, depth=1, seed=0)
  >>> latent_levels(flow).reshape(4, 4)
  array([[1, 1, 1, 1],
         [0, 0, 0, 0],
         [1, 1, 1, 1],
         [0, 0, 0, 0]], dtype=int32)
  """
  if not layers.holds_levels(flow.bijector):
    return np.zeros([latent_size(flow)], np.int32)

  def move(layer, levels):
    if not layers.is_move(layer.bijector):
      return levels
    return layer.value(levels)

  with tf.init_scope():  # numbers, within a `tf.function` too
    levels = layers.walk(
      flow.bijector,
      tf.zeros([1, *flow.event_shape], flow.dtype),
      move,
      invert=True,
      enter=lambda levels: levels + 1,
    )
    return levels.numpy().astype(np.int32).ravel()


def split_latents(flow: tfd.TransformedDistribution, latents) -> list:
  """Latents by level.

  Args:
    flow: as in `latent_levels`.
    latents: floating [N, D], as `encode` gives them.

  Returns:
    A list of L `Tensor`s [N, D_l], the first level first; within a level in the
    order of `latents`.

  Raises:
    ValueError: if `latents` are not as above.
  """
  latents = check_latents(flow, latents)
  return [tf.gather(latents, here, axis=1) for here in _places(flow)]


def merge_latents(flow: tfd.TransformedDistribution, parts) -> tf.Tensor:
  """Latents from those of each level: the inverse of `split_latents`.

  Args:
    flow: as in `latent_levels`.
    parts: a list of L `Tensor`s [N, D_l].

  Returns:
    `Tensor` [N, D], as `decode` takes them.

  Raises:
    ValueError: if `parts` are not as above.
  """
  parts = [tf.cast(tf.convert_to_tensor(p), flow.dtype) for p in parts]
  places = _places(flow)
  sizes = [len(here) for here in places]
  if len(parts) != len(sizes) or not all(
    part.shape.is_compatible_with([None, size])
    for part, size in zip(parts, sizes, strict=True)
  ):
    raise ValueError(
      f'`parts` have the shapes {[part.shape.as_list() for part in parts]}; '
      f'the levels of the flow are {[["N", size] for size in sizes]}.'
    )
  order = np.argsort(np.concatenate(places))
  return tf.gather(tf.concat(parts, 1), order, axis=1)


def log_prob_by_level(
  flow: tfd.TransformedDistribution, values, condition=None
) -> tuple[tf.Tensor, tf.Tensor]:
  """The log-density of images, and the part of each level in it.

  With Z the latents that leave at a level, the level's part is
  log N(Z; 0, I) + the sum of its layers' log-dets.

  Args:
    flow: a flow over images [H, W, C]; the base of one of several levels is of
      independent numbers, as those of `tfp_cinc.models` are.
    values: floating [N, H, W, C] in [-0.5, 0.5].
    condition: as in `encode`.

  Returns:
    (log p(x) [N] in nats, its parts [N, L], whose sums it is).

  Raises:
    ValueError: if `values` or the base are not as above.
  """
  values = tf.identity(check_values(flow, values))
  kwargs = {} if condition is None else condition_on(flow, condition)
  places = _places(flow)
  if len(places) == 1:
    log_prob = flow.log_prob(values, bijector_kwargs=kwargs)
    return log_prob, log_prob[:, tf.newaxis]
  number = tf.shape(values)[0]
  log_dets = [tf.zeros([number], flow.dtype) for _ in places]

  def run(layer, x):
    y, log_det = layer.value_and_log_det(x)
    log_dets[layer.level] += log_det
    return y

  latents = layers.walk(
    flow.bijector,
    values,
    run,
    invert=True,
    kwargs=kwargs,
    opens=layers.holds_levels,
  )
  base = tf.reshape(_base_log_prob(flow, latents), [number, latent_size(flow)])
  parts = [
    log_det + tf.reduce_sum(tf.gather(base, here, axis=1), axis=1)
    for log_det, here in zip(log_dets, places, strict=True)
  ]
  by_level = tf.stack(parts, axis=1)
  return tf.reduce_sum(by_level, axis=1), by_level


def bits_per_dim_by_level(log_prob, levels: np.ndarray, num_bits: int = 8):
  """What each level adds to the bits per dimension of images.

  With log p_l the part of a level in the log-density, |Z_l| the number of
  latents that leave there, D that of all and b = num_bits, the level costs
  -log p_l / (D ln 2) + b |Z_l| / D: the part of b, the discretization, is
  shared out by latents, so that the levels add up to `tfp_cinc.bits_per_dim`.

  Args:
    log_prob: floating [..., L], as `log_prob_by_level` gives it.
    levels: int32 [D], as `latent_levels` gives it.
    num_bits: the `num_bits` of `tfp_cinc.dequantize`.

  Returns:
    `Tensor` [..., L].

  Raises:
    ValueError: if `num_bits` is out of range.
  """
  shares = np.bincount(levels) / levels.size
  log_prob = tf.convert_to_tensor(log_prob)
  others = (num_bits * (1.0 - shares)).astype(log_prob.dtype.as_numpy_dtype)
  return bits_per_dim(log_prob, [levels.size], num_bits) - others


def _places(flow):
  """The indices of the latents of each level."""
  levels = latent_levels(flow)
  return [np.flatnonzero(levels == level) for level in range(levels.max() + 1)]


def _base_log_prob(flow, latents):
  """The log-density of each number of the latents."""
  base = flow.distribution
  while isinstance(base, tfd.Sample | tfd.Independent):
    base = base.distribution
  if base.event_shape.rank != 0:
    raise ValueError(
      f'the base of {flow.name} is {flow.distribution.name}, whose numbers are '
      'not independent: the log-density has no parts by level.'
    )
  return base.log_prob(latents)
