"""Conditions of flows: which bijectors take them, by name."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.block_coupling import BlockCoupling

__all__ = ['condition_on', 'is_conditional']

tfb = tfp.bijectors
tfd = tfp.distributions


def condition_on(flow: tfd.TransformedDistribution | tfb.Bijector, condition):
  """The `bijector_kwargs` that give a condition to all parts that take one.

  TFP routes the keyword arguments of a chain by the names of its bijectors.
  This goes through a flow, to each coupling and learned prior whose network is
  conditional and to each conditional masked autoregressive flow:

    kwargs = condition_on(flow, labels)
    flow.log_prob(images, bijector_kwargs=kwargs)
    flow.sample(len(labels), bijector_kwargs=kwargs)

  Args:
    flow: a flow with `condition_channels` = K, or a bijector.
    condition: `Tensor` [N, K] for N images, a one-hot label say, or a map [N,
      H', W', K], see `tfp_cinc.networks.ImageNetwork`; its batch shape is that
      of the images, or [K] is one for all.

  Returns:
    A dict.

  Raises:
    ValueError: if nothing in the flow takes a condition.
  """
  condition = tf.convert_to_tensor(condition)
  bijector = flow if isinstance(flow, tfb.Bijector) else flow.bijector
  kwargs = _kwargs(bijector, condition)
  if not kwargs:
    raise ValueError(
      f'{flow.name} takes no condition: build it with `condition_channels=`.'
    )
  return kwargs


def is_conditional(flow: tfd.TransformedDistribution | tfb.Bijector) -> bool:
  """Whether a flow has parts that take a condition."""
  bijector = flow if isinstance(flow, tfb.Bijector) else flow.bijector
  return bool(_kwargs(bijector, None))


def _kwargs(bijector, condition):
  if isinstance(bijector, BlockCoupling):
    conditional = any(
      getattr(network, 'condition_channels', 0) for network in bijector.networks
    )
    return {'condition': condition} if conditional else {}
  if isinstance(bijector, tfb.MaskedAutoregressiveFlow):
    network = bijector.parameters['shift_and_log_scale_fn']
    conditional = getattr(network, 'condition_channels', 0)
    # TFP's own network says so in private.
    conditional = conditional or getattr(network, '_conditional', False)
    return {'conditional_input': condition} if conditional else {}
  # Not by class: TFP's Invert and Chain are of several.
  if hasattr(bijector, 'bijector'):
    return _kwargs(bijector.bijector, condition)
  if hasattr(bijector, 'bijectors'):
    parts = {b.name: _kwargs(b, condition) for b in bijector.bijectors}
    return {name: part for name, part in parts.items() if part}
  return {}
