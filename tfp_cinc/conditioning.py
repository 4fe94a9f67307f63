"""Conditional flows bound to a condition."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.networks.condition import condition_channels
from tfp_cinc.networks.conditioned_network import (
  has_condition,
  with_condition,
)
from tfp_cinc.tree import Flow, map_bijectors, subtree

__all__ = ['given', 'is_conditional', 'num_condition_channels']

tfb = tfp.bijectors
tfd = tfp.distributions


def given(flow: Flow, condition: TensorLike | None) -> Flow:
  """Returns a conditional flow bound to a condition.

  Each network that takes a condition stores it as one of its tensors. The
  result is an ordinary flow that shares the Variables of `flow`. Gradients with
  respect to a floating condition are available. The function can be called
  inside a `tf.function`.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, condition_channels=10, seed=0
  ... )
  >>> flow_of_labels = tfp_cinc.given(flow, [3, 1, 4])
  >>> flow_of_labels.log_prob(tf.zeros([3, 4, 4, 1])).shape
  TensorShape([3])
  >>> flow_of_labels.sample([8, 3]).shape  # 8 images of each label
  TensorShape([8, 3, 4, 4, 1])

  Args:
    flow: Flow with `condition_channels` = K, its bijector, or learned noise
      (`VariationalDequantization`).
    condition: Condition of the images. Batch shapes broadcast: `log_prob` of
      images [M, 1, H, W, C] given N conditions is [M, N]. One of

      - class labels 0 to K - 1: an integer or an integer `Tensor` [] or [N],
        made one-hot. Integers always mean labels;
      - a vector: a floating or bool `Tensor` [K] or [N, K], such as K
        attributes that are 0 or 1;
      - a map, for flows of images: a floating or bool `Tensor` [H', W', K] or
        [N, H', W', K], such as an image of lower resolution. It is resized to
        each level by an integer factor, see `tfp_cinc.networks.ImageNetwork`;
      - None, which means no condition and is a vector of zeros. It makes sense
        for flows that have seen zeros in training.

  Returns:
    Object of the same kind, of images given the condition. Its batch shape is
    that of `flow`: for N conditions, draw samples by `sample(N)` or
    `sample([S, N])`.

  Raises:
    ValueError: If no part of the flow takes a condition, it already has one, or
      `condition` is not as described above. Labels that are out of range raise
      `tf.errors.InvalidArgumentError` if they are known only when a
      `tf.function` runs.
  """
  channels = num_condition_channels(flow)
  if not channels:
    if any(map(has_condition, _networks(flow))):
      raise ValueError(
        f'{flow.name} already has a condition; pass the original conditional '
        'flow.'
      )
    raise ValueError(
      f'{flow.name} takes no condition: build it with `condition_channels=`.'
    )
  condition, is_label = _as_condition(flow, condition, channels)

  def bind(owner):
    own, keyword = condition, owner.condition_keyword
    is_of_images = getattr(owner, 'forward_min_event_ndims', 3) == 3
    if is_label and own.shape.rank > 2 and is_of_images:
      own = own[..., tf.newaxis, tf.newaxis, :]  # maps of one pixel
    return owner.map_networks(
      lambda network: (
        with_condition(network, own, keyword)
        if condition_channels(network)
        else network
      )
    )

  if _is_flow(flow):
    return map_bijectors(flow, lambda b: bind(b) if _sizes([b]) else b)
  return bind(flow)


def is_conditional(flow: Flow) -> bool:
  """Returns whether a flow has parts that take a condition."""
  return bool(_sizes(_owners(flow)))


def num_condition_channels(flow: Flow) -> int:
  """Returns the number of channels K of the condition of a flow, 0 for none.

  Raises:
    ValueError: If parts of the flow take conditions of different sizes.
  """
  sizes = _sizes(_owners(flow))
  if len(sizes) > 1:
    raise ValueError(
      f'{flow.name} has parts with `condition_channels` of {sorted(sizes)}; '
      'they must be the same.'
    )
  return max(sizes, default=0)


def _as_condition(flow, condition, channels):
  """Returns a condition as a floating tensor, and whether it was labels."""
  if condition is None:
    return tf.zeros([channels], flow.dtype or tf.float32), False
  condition = tfp_compat.convert_nonref_to_tensor(condition)
  dtype = tf.as_dtype(condition.dtype)
  if dtype.is_integer:
    _check_labels(flow, condition.shape, channels)
    return _one_hot(flow, tf.convert_to_tensor(condition), channels), True
  if dtype.is_bool:
    condition = tf.cast(condition, flow.dtype or tf.float32)
  elif not dtype.is_floating:
    raise ValueError(
      f'`condition` is {dtype.name}; it must be integer class labels, or '
      'floating or bool.'
    )
  shape = condition.shape
  if not shape.rank or shape[-1] != channels:
    raise ValueError(
      f'`condition` has shape {shape}; {flow.name} takes class labels [N] of '
      f'an integer dtype, vectors [N, {channels}] or maps '
      f'[N, H, W, {channels}], with or without N.'
    )
  return condition, False


def _check_labels(flow, shape, channels):
  """Raises `ValueError` if integers are maps."""
  if (shape.rank or 0) > 2 and shape[-1] == channels:
    raise ValueError(
      f'`condition` has shape {shape} and an integer dtype, which means class '
      f'labels; cast the maps of {flow.name} to a floating dtype.'
    )


def _one_hot(flow, labels, channels):
  """Returns class labels as one-hot vectors, after checking their range."""
  message = (
    f'`condition` is {labels.dtype.name}, so that it means class labels; the '
    f'labels of {flow.name} are 0 to {channels - 1}. Vectors and maps must be '
    'floating'
  )
  is_label = (labels >= 0) & (tf.cast(labels, tf.int64) < channels)
  labels = tf.cast(labels, tf.int64)
  known = tf.get_static_value(is_label)
  if known is None:
    check = tf.debugging.Assert(tf.reduce_all(is_label), [message])
    with tf.control_dependencies([check]):
      labels = tf.identity(labels)
  elif not known.all():
    wrong = tf.get_static_value(labels)[~known].flat[0]
    raise ValueError(f'{message}, and there is the label {wrong}.')
  return tf.one_hot(labels, channels, dtype=flow.dtype or tf.float32)


def _is_flow(flow):
  return isinstance(flow, tfd.Distribution | tfb.Bijector)


def _owners(flow):
  """Returns the objects with networks: all bijectors, or learned noise."""
  return subtree(flow) if _is_flow(flow) else [flow]


def _networks(flow):
  return [n for owner in _owners(flow) for n in owner.own_networks()]


def _sizes(owners):
  """Returns the set of the numbers of channels of conditions."""
  sizes = {condition_channels(n) for o in owners for n in o.own_networks()}
  return sizes - {0}
