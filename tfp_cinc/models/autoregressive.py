"""Masked and inverse autoregressive flows."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.permute_channels import ReverseChannels
from tfp_cinc.models.vector import vector_flow
from tfp_cinc.networks.masked_network import MaskedNetwork

__all__ = ['iaf', 'maf']

tfb = tfp.bijectors
tfd = tfp.distributions


def maf(
  event_shape,
  *,
  depth: int = 5,
  hidden_channels: int = 512,
  num_layers: int = 2,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'maf',
) -> tfd.TransformedDistribution:
  """Masked autoregressive flow: a density in one pass.

  Steps of ActNorm, `tfb.Invert(tfb.MaskedAutoregressiveFlow)` of a
  `MaskedNetwork` and a reversal of the order. A sample takes D passes through
  each network, D the number of elements of an event.

  Papamakarios et al. 2017 (Masked Autoregressive Flow), section 3; the defaults
  are those of their MAF (5) with two hidden layers of 512.

  Args:
    event_shape: [H, W, C] or [D].
    depth: steps, at least 1.
    hidden_channels: width of the networks.
    num_layers: hidden layers of the networks, at least 1.
    condition_channels: K, for densities given a vector of K numbers: methods
      take `bijector_kwargs=tfp_cinc.condition_on(flow, condition)`, which is
      {'maf_0': {'conditional_input': condition}, 'maf_1': ...}; 0 for none.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape` with a N(0, I)
    base, whose `bijector` goes from latent to event. Call
    `tfp_cinc.initialize_from_data` before training it.

  Raises:
    ValueError: if an argument is not as above, naming it.

  #### Example

  >>> flow = maf([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])
  """
  return _autoregressive_flow(
    event_shape,
    'maf',
    invert=True,
    depth=depth,
    hidden_channels=hidden_channels,
    num_layers=num_layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    name=name,
  )


def iaf(
  event_shape,
  *,
  depth: int = 5,
  hidden_channels: int = 512,
  num_layers: int = 2,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'iaf',
) -> tfd.TransformedDistribution:
  """Inverse autoregressive flow: a sample in one pass.

  `maf` with `tfb.MaskedAutoregressiveFlow` as it is: the density takes D passes
  through each network. Bijectors that take a condition are 'iaf_0', 'iaf_1' ...

  Kingma et al. 2016 (Improved Variational Inference with Inverse Autoregressive
  Flow), section 4.

  Args:
    event_shape: as in `maf`, like all that follow.
    depth: steps, at least 1.
    hidden_channels: width of the networks.
    num_layers: hidden layers of the networks, at least 1.
    condition_channels: K, for distributions given a vector of K numbers; 0 for
      none.
    seed: of all initial values.
    dtype: floating dtype of the flow.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as `maf` does.

  Raises:
    ValueError: if an argument is not as above, naming it.

  #### Example

  >>> flow = iaf([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.sample(5).shape
  TensorShape([5, 6])
  """
  return _autoregressive_flow(
    event_shape,
    'iaf',
    invert=False,
    depth=depth,
    hidden_channels=hidden_channels,
    num_layers=num_layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    name=name,
  )


def _autoregressive_flow(
  event_shape,
  kind,
  *,
  invert,
  depth,
  hidden_channels,
  num_layers,
  condition_channels,
  seed,
  dtype,
  name,
):
  """`maf`, whose layers are inverted, and `iaf`, by the name of their kind."""

  def make_layers(step, size, step_seed):
    network = MaskedNetwork.trainable(
      size,
      hidden_channels,
      num_layers,
      condition_channels,
      seed=step_seed,
      dtype=dtype,
      name=f'{kind}_{step}_network',
    )
    layer = tfb.MaskedAutoregressiveFlow(network, name=f'{kind}_{step}')
    if invert:
      layer = tfb.Invert(layer, name=f'{kind}_{step}')
    return [layer, ReverseChannels(dtype, name=f'reverse_{step}')]

  return vector_flow(event_shape, make_layers, depth, seed, dtype, name)
