"""Conditional flows bound to a condition."""

import tensorflow_probability as tfp

from tfp_cinc.internal import tfp_compat
from tfp_cinc.networks.condition import condition_channels
from tfp_cinc.networks.conditioned_network import (
  ConditionedNetwork,
  with_condition,
)
from tfp_cinc.tree import Flow, map_bijectors, subtree

__all__ = ['given', 'is_conditional']

tfd = tfp.distributions


def given(flow: Flow, condition) -> Flow:
  """Returns a conditional flow bound to a condition.

  Each network that takes a condition stores it as one of its tensors. The
  result is an ordinary flow that shares the Variables of `flow`. Gradients with
  respect to the condition are available.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, condition_channels=10, seed=0
  ... )
  >>> labels = tf.one_hot([3, 1, 4], 10)
  >>> flow_of_labels = tfp_cinc.given(flow, labels)
  >>> flow_of_labels.log_prob(tf.zeros([3, 4, 4, 1])).shape
  TensorShape([3])

  Args:
    flow: Flow with `condition_channels` = K, or its bijector.
    condition: `Tensor` [N, K] for N images, such as one-hot labels, or a map
      [N, H', W', K], see `tfp_cinc.networks.ImageNetwork`. Its batch shape is
      that of the images. A condition [K] applies to all images.

  Returns:
    Flow or bijector of images given the condition.

  Raises:
    ValueError: If no part of the flow takes a condition.
  """
  condition = tfp_compat.convert_nonref_to_tensor(condition)
  if not is_conditional(flow):
    networks = [n for b in subtree(flow) for n in b.own_networks()]
    if any(isinstance(n, ConditionedNetwork) for n in networks):
      raise ValueError(
        f'{flow.name} already has a condition; pass the original conditional '
        'flow.'
      )
    raise ValueError(
      f'{flow.name} takes no condition: build it with `condition_channels=`.'
    )

  def bind(bijector):
    if not _takes_condition(bijector):
      return bijector
    keyword = bijector.condition_keyword
    return bijector.map_networks(
      lambda network: (
        with_condition(network, condition, keyword)
        if condition_channels(network)
        else network
      )
    )

  return map_bijectors(flow, bind)


def is_conditional(flow: Flow) -> bool:
  """Returns whether a flow has parts that take a condition."""
  return any(map(_takes_condition, subtree(flow)))


def _takes_condition(bijector):
  return any(map(condition_channels, bijector.own_networks()))
