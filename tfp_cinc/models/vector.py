"""Flows that treat an event as a vector, whatever its shape."""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.act_norm import trainable_act_norm
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.continuous_flow import trainable_continuous_flow
from tfp_cinc.bijectors.reshaped import Reshaped
from tfp_cinc.bijectors.residual_flow import trainable_residual_flow
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.base import (
  conditional_vector_base,
  flow_of,
  standard_normal,
)

__all__ = ['ffjord', 'residual', 'vector_flow']

tfb = tfp.bijectors
tfd = tfp.distributions


def vector_flow(
  event_shape,
  make_layers: Callable[[int, int, int], list[tfb.Bijector]],
  depth: int,
  seed: int | None,
  dtype,
  name: str,
  *,
  condition_channels: int = 0,
  conditional_base: bool = False,
) -> tfd.TransformedDistribution:
  """Returns a flow of `depth` steps over the elements of an event as a vector.

  Args:
    event_shape: Shape of an event, [H, W, C] or [D].
    make_layers: Function that is called as `make_layers(step, D, seed)` for
      each step, from step 0. It returns the bijectors of vectors [D] that
      follow the step's ActNorm, in the order from event to latent.
    depth: Number of steps, at least 1.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    name: Name of the distribution.
    condition_channels: Number of elements K of the condition, 0 for none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape` with a N(0, I)
    base.

  Raises:
    ValueError: If `event_shape` or `depth` is not as described above.
  """
  event_shape = [int(size) for size in event_shape]
  if not event_shape or min(event_shape) < 1:
    raise ValueError(
      f'`event_shape` is {event_shape}; it must be [H, W, C] or [D].'
    )
  check_sizes(depth=depth)
  size = math.prod(event_shape)
  with tf.name_scope(name):
    layers = []
    for step, step_seed in enumerate(split_seed(seed, depth)):
      layers.append(
        trainable_act_norm(size, dtype=dtype, name=f'act_norm_{step}')
      )
      layers.extend(make_layers(step, size, step_seed))
    if conditional_base:
      prior = conditional_vector_base(size, condition_channels, dtype)
      layers.append(Reshaped(prior, [size], [1, 1, size], name='latents'))
    chain = Chain(layers[::-1], name='steps')
    encoder = Reshaped(chain, event_shape, [size], name='encoder')
    return flow_of(encoder, event_shape, standard_normal(dtype), name)


def residual(
  event_shape: Sequence[int],
  *,
  depth: int = 10,
  hidden_channels: int = 128,
  num_layers: int = 3,
  coefficient: float = 0.9,
  condition_channels: int = 0,
  conditional_base: bool = False,
  log_det: str = 'exact',
  num_terms: int = 10,
  num_probes: int = 1,
  probe_seed: int | None = None,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'residual',
) -> tfd.TransformedDistribution:
  """Returns a residual flow: steps of ActNorm and an invertible residual block.

  Cost: see `ResidualFlow`. A sample inverts each block by fixed-point
  iteration.

  #### Example

  >>> flow = residual([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Behrmann et al. 2019, [Invertible Residual
  Networks](https://arxiv.org/abs/1811.00995); Chen et al. 2019, [Residual Flows
  for Invertible Generative Modeling](https://arxiv.org/abs/1906.02735).

  Args:
    event_shape: Shape of an event, [H, W, C] or [D].
    depth: Number of steps, at least 1.
    hidden_channels: Size of the hidden layers of the networks.
    num_layers: Number of hidden layers of each network, at least 1.
    coefficient: Bound of the Lipschitz constants of the networks, between 0 and
      1.
    condition_channels: Number of elements K of the condition vector, 0 for
      none; see `tfp_cinc.given`.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    log_det: Method for the log-det, 'exact' or 'power_series' (for large D);
      see `ResidualFlow`.
    num_terms: Number of terms of the power series.
    num_probes: Number of random probes of the power series.
    probe_seed: Seed of the probes. None draws new probes in each call, as
      training requires. With an integer, the density of an event is the same in
      each call.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as in `maf`.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """

  def make_layers(step, size, step_seed):
    return [
      trainable_residual_flow(
        size,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        coefficient=coefficient,
        condition_channels=condition_channels,
        log_det=log_det,
        num_terms=num_terms,
        num_probes=num_probes,
        probe_seed=probe_seed,
        seed=step_seed,
        dtype=dtype,
        name=f'residual_{step}',
      )
    ]

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


def ffjord(
  event_shape: Sequence[int],
  *,
  depth: int = 1,
  hidden_channels: int = 64,
  num_layers: int = 2,
  condition_channels: int = 0,
  conditional_base: bool = False,
  trace: str = 'exact',
  num_probes: int = 1,
  probe_seed: int | None = None,
  tolerance: float = 1e-5,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'ffjord',
) -> tfd.TransformedDistribution:
  """Returns FFJORD: steps of ActNorm and a continuous normalizing flow.

  Cost: see `ContinuousFlow`. The solver of the differential equation chooses
  the number of function evaluations.

  #### Example

  >>> flow = ffjord([6], hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Grathwohl et al. 2019, [FFJORD](https://arxiv.org/abs/1810.01367); Chen et al.
  2018, [Neural Ordinary Differential
  Equations](https://arxiv.org/abs/1806.07366).

  Args:
    event_shape: Shape of an event, [H, W, C] or [D].
    depth: Number of steps, at least 1.
    hidden_channels: Size of the hidden layers of the networks.
    num_layers: Number of hidden layers of each network, at least 1.
    condition_channels: Number of elements K of the condition vector, 0 for
      none; see `tfp_cinc.given`.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    trace: Method for the trace, 'exact' or 'hutchinson' (for wide networks);
      see `ContinuousFlow`.
    num_probes: Number of random probes of Hutchinson's estimate.
    probe_seed: Seed of the probes, as in `residual`.
    tolerance: Tolerance of the solver of the differential equation.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as in `maf`.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """

  def make_layers(step, size, step_seed):
    return [
      trainable_continuous_flow(
        size,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        condition_channels=condition_channels,
        trace=trace,
        num_probes=num_probes,
        probe_seed=probe_seed,
        tolerance=tolerance,
        seed=step_seed,
        dtype=dtype,
        name=f'ffjord_{step}',
      )
    ]

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
