"""Latents and densities of the levels of a multi-scale flow."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.conditioning import given
from tfp_cinc.dequantization import bits_per_dim
from tfp_cinc.internal.shapes import check_events
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.latents.encoding import check_latents, latent_size
from tfp_cinc.tree import root, subtree, walk

__all__ = [
  'bits_per_dim_by_level',
  'latent_levels',
  'log_prob_by_level',
  'merge_latents',
  'split_latents',
]

tfd = tfp.distributions


def latent_levels(flow: tfd.TransformedDistribution) -> np.ndarray:
  """Returns the level at which each latent leaves the flow.

  The levels of a multi-scale flow are separated by `LeadingChannels`. A level
  consists of its squeeze, its steps and the learned prior of the channels that
  are factored out. The latents of the first level hold the finest details;
  those of the last level hold the global structure. A flow that is not
  multi-scale has one level.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=2, depth=1, seed=0)
  >>> latent_levels(flow).reshape(4, 4)
  array([[1, 1, 1, 1],
         [0, 0, 0, 0],
         [1, 1, 1, 1],
         [0, 0, 0, 0]], dtype=int32)

  Args:
    flow: Flow over images [H, W, C], or over events of any shape.

  Returns:
    int32 array [D], from 0 to L - 1, in the order of `encode`.
  """
  if not _has_levels(root(flow)):
    return np.zeros([latent_size(flow)], np.int32)

  def move(layer, levels):
    return layer.value(levels) if layer.bijector.only_permutes else levels

  def enter(container, levels):
    return levels + 1 if isinstance(container, LeadingChannels) else levels

  with tf.init_scope():  # eager, even inside a `tf.function`
    levels = walk(
      root(flow),
      tf.zeros([1, *flow.event_shape], flow.dtype),
      move,
      invert=True,
      enter=enter,
    )
    return levels.numpy().astype(np.int32).ravel()


def split_latents(
  flow: tfd.TransformedDistribution, latents: TensorLike
) -> list:
  """Returns latents split by level.

  Args:
    flow: Flow, as in `latent_levels`.
    latents: Floating `Tensor` [N, D], as returned by `encode`.

  Returns:
    List of L tensors [N, D_l], the first level first. Within a level, the
    latents keep their order.

  Raises:
    ValueError: If `latents` are not as described above.
  """
  latents = check_latents(flow, latents)
  return [tf.gather(latents, here, axis=1) for here in _places(flow)]


def merge_latents(
  flow: tfd.TransformedDistribution, parts: Sequence[tf.Tensor]
) -> tf.Tensor:
  """Returns latents merged from all levels: the inverse of `split_latents`.

  Args:
    flow: Flow, as in `latent_levels`.
    parts: List of L tensors [N, D_l].

  Returns:
    `Tensor` [N, D], as expected by `decode`.

  Raises:
    ValueError: If `parts` are not as described above.
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
      f'the levels of the flow have {[["N", size] for size in sizes]}.'
    )
  order = np.argsort(np.concatenate(places))
  return tf.gather(tf.concat(parts, 1), order, axis=1)


def log_prob_by_level(
  flow: tfd.TransformedDistribution,
  values: TensorLike,
  condition: TensorLike | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns the log-density of images and the contribution of each level.

  If Z are the latents that leave the flow at a level, the contribution of the
  level is log N(Z; 0, I) plus the log-dets of its layers.

  Args:
    flow: Flow over images [H, W, C]. If it has several levels, the elements of
      its base must be independent, as in all `tfp_cinc.models`.
    values: Floating `Tensor` [N, H, W, C] in [-0.5, 0.5].
    condition: Condition of the images, as in `encode`.

  Returns:
    (log_prob, by_level): log p(x) [N] in nats, and the contributions [N, L],
    which sum to it.

  Raises:
    ValueError: If `values` or the base are not as described above.
  """
  values = tf.identity(check_events(flow, values, 'values'))
  flow = flow if condition is None else given(flow, condition)
  places = _places(flow)
  if len(places) == 1:
    log_prob = flow.log_prob(values)
    return log_prob, log_prob[:, tf.newaxis]
  number = tf.shape(values)[0]
  log_dets = [tf.zeros([number], flow.dtype) for _ in places]

  def run(layer, x):
    y, log_det = layer.value_and_log_det(x)
    log_dets[layer.level] += log_det
    return y

  latents = walk(root(flow), values, run, invert=True, opens=_has_levels)
  base = tf.reshape(_base_log_prob(flow, latents), [number, latent_size(flow)])
  parts = [
    log_det + tf.reduce_sum(tf.gather(base, here, axis=1), axis=1)
    for log_det, here in zip(log_dets, places, strict=True)
  ]
  by_level = tf.stack(parts, axis=1)
  return tf.reduce_sum(by_level, axis=1), by_level


def bits_per_dim_by_level(
  log_prob: TensorLike, levels: np.ndarray, num_bits: int = 8
) -> tf.Tensor:
  """Returns the contribution of each level to the bits per dimension.

  The contribution of level l is

  ```
  -log p_l / (D ln 2) + b |Z_l| / D
  ```

  where log p_l is its contribution to the log-density, |Z_l| is the number of
  latents that leave the flow at this level, D is the number of all latents, and
  b = num_bits. The term b accounts for the discretization. It is divided among
  the levels in proportion to their latents, so that the contributions sum to
  `tfp_cinc.bits_per_dim`.

  Args:
    log_prob: Contributions to the log-density, floating [..., L], as returned
      by `log_prob_by_level`.
    levels: Levels of the latents, int32 [D], as returned by `latent_levels`.
    num_bits: Bits per channel, 1 to 8, as in `tfp_cinc.dequantize`.

  Returns:
    `Tensor` [..., L].

  Raises:
    ValueError: If `num_bits` is out of range.
  """
  shares = np.bincount(levels) / levels.size
  log_prob = tf.convert_to_tensor(log_prob)
  others = (num_bits * (1.0 - shares)).astype(log_prob.dtype.as_numpy_dtype)
  return bits_per_dim(log_prob, [levels.size], num_bits) - others


def _has_levels(bijector):
  """Returns whether a bijector is or contains a `LeadingChannels`."""
  return any(isinstance(b, LeadingChannels) for b in subtree(bijector))


def _places(flow):
  """Returns the indices of the latents of each level."""
  levels = latent_levels(flow)
  return [np.flatnonzero(levels == level) for level in range(levels.max() + 1)]


def _base_log_prob(flow, latents):
  """Returns the log-density of each element of the latents."""
  base = flow.distribution
  while isinstance(base, tfd.Sample | tfd.Independent):
    base = base.distribution
  if base.event_shape.rank != 0:
    raise ValueError(
      f'the base of {flow.name} is {flow.distribution.name}, whose elements '
      'are not independent; the log-density cannot be split by level.'
    )
  return base.log_prob(latents)
