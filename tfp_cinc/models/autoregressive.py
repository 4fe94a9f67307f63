"""Masked and inverse autoregressive flows."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.inverse import Inverse
from tfp_cinc.bijectors.masked_autoregressive import (
  trainable_masked_autoregressive,
)
from tfp_cinc.bijectors.permute_channels import ReverseChannels
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.vector import vector_flow

__all__ = ['iaf', 'maf']

tfd = tfp.distributions


def maf(
  event_shape: Sequence[int],
  *,
  depth: int = 5,
  hidden_channels: int = 512,
  num_layers: int = 2,
  condition_channels: int = 0,
  conditional_base: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'maf',
) -> tfd.TransformedDistribution:
  """Returns a masked autoregressive flow, whose density takes one pass.

  A step consists of ActNorm, the inverse of a `MaskedAutoregressive`, and a
  reversal of the order of the elements. The flow can be conditional, see
  `tfp_cinc.given`. As in TFP, methods also accept the condition as
  `bijector_kwargs={'maf_0': {'conditional_input': condition}, ...}`.

  Cost: a density takes one pass through each network; a sample takes D passes,
  where D is the number of elements of an event.

  #### Example

  >>> flow = maf([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Papamakarios et al. 2017, [Masked Autoregressive Flow for Density
  Estimation](https://arxiv.org/abs/1705.07057), section 3. The defaults are
  those of its MAF (5) with two hidden layers of 512 units.

  Args:
    event_shape: Shape of an event, [H, W, C] or [D].
    depth: Number of steps, at least 1.
    hidden_channels: Size of the hidden layers of the networks.
    num_layers: Number of hidden layers of each network, at least 1.
    condition_channels: Number of elements K of the condition vector, 0 for
      none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape` with a N(0, I)
    base. Its `bijector` goes from latent to event. Call
    `tfp_cinc.initialize_from_data` before training.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  return _autoregressive_flow(
    event_shape,
    'maf',
    invert=True,
    depth=depth,
    hidden_channels=hidden_channels,
    num_layers=num_layers,
    condition_channels=condition_channels,
    conditional_base=conditional_base,
    seed=seed,
    dtype=dtype,
    name=name,
  )


def iaf(
  event_shape: Sequence[int],
  *,
  depth: int = 5,
  hidden_channels: int = 512,
  num_layers: int = 2,
  condition_channels: int = 0,
  conditional_base: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'iaf',
) -> tfd.TransformedDistribution:
  """Returns an inverse autoregressive flow, which samples in one pass.

  It is like `maf`, but `MaskedAutoregressive` is not inverted. The layers that
  take a condition are named 'iaf_0', 'iaf_1' and so on.

  Cost: a sample takes one pass through each network; a density takes D passes,
  where D is the number of elements of an event.

  #### Example

  >>> flow = iaf([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.sample(5).shape
  TensorShape([5, 6])

  #### References

  Kingma et al. 2016, [Improved Variational Inference with Inverse
  Autoregressive Flow](https://arxiv.org/abs/1606.04934), section 4.

  Args:
    event_shape: Shape of an event, [H, W, C] or [D].
    depth: Number of steps, at least 1.
    hidden_channels: Size of the hidden layers of the networks.
    num_layers: Number of hidden layers of each network, at least 1.
    condition_channels: Number of elements K of the condition vector, 0 for
      none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as in `maf`.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  return _autoregressive_flow(
    event_shape,
    'iaf',
    invert=False,
    depth=depth,
    hidden_channels=hidden_channels,
    num_layers=num_layers,
    condition_channels=condition_channels,
    conditional_base=conditional_base,
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
  conditional_base,
  seed,
  dtype,
  name,
):
  """Returns the flow of `maf` if `invert` is true, else that of `iaf`."""

  def make_layers(step, size, step_seed):
    layer = trainable_masked_autoregressive(
      size,
      hidden_channels=hidden_channels,
      num_layers=num_layers,
      condition_channels=condition_channels,
      seed=step_seed,
      dtype=dtype,
      name=f'{kind}_{step}',
    )
    if invert:
      layer = Inverse(layer, name=f'{kind}_{step}')
    return [layer, ReverseChannels(dtype, name=f'reverse_{step}')]

  return vector_flow(
    event_shape,
    make_layers,
    depth,
    seed,
    dtype,
    name,
    condition_channels=condition_channels,
    conditional_base=conditional_base,
  )
