"""Flows that see an event as a vector, whatever its shape."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.act_norm import trainable_act_norm
from tfp_cinc.bijectors.continuous_flow import trainable_continuous_flow
from tfp_cinc.bijectors.reshaped import Reshaped
from tfp_cinc.bijectors.residual_flow import trainable_residual_flow

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
) -> tfd.TransformedDistribution:
  """A flow of `depth` steps over the elements of an event as one vector.

  Args:
    event_shape: as in `maf`, like all that follow but `make_layers`.
    make_layers: called for each step with its number, D and a seed; returns the
      bijectors of vectors [D] after its ActNorm, in the order of the event.
    depth: steps, at least 1.
    seed: of all initial values.
    dtype: floating dtype of the flow.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution`.

  Raises:
    ValueError: if `event_shape` or `depth` is not as above.
  """
  event_shape = [int(size) for size in event_shape]
  if not event_shape or min(event_shape) < 1:
    raise ValueError(
      f'`event_shape` is {event_shape}; it must be [H, W, C] or [D].'
    )
  if depth < 1:
    raise ValueError(f'`depth` is {depth}; it must be at least 1.')
  size = math.prod(event_shape)
  seeds = np.random.SeedSequence(seed).generate_state(depth).tolist()
  with tf.name_scope(name):
    layers = []
    for step, step_seed in enumerate(seeds):
      layers.append(
        trainable_act_norm(size, dtype=dtype, name=f'act_norm_{step}')
      )
      layers.extend(make_layers(step, size, step_seed))
    chain = tfb.Chain(layers[::-1], name='steps')
    encoder = Reshaped(chain, event_shape, [size], name='encoder')
    base = tfd.Sample(
      tfd.Normal(tf.zeros([], dtype), tf.ones([], dtype)),
      sample_shape=event_shape,
    )
    return tfd.TransformedDistribution(
      base, tfb.Invert(encoder, name='decoder'), name=name
    )


def residual(
  event_shape,
  *,
  depth: int = 10,
  hidden_channels: int = 128,
  num_layers: int = 3,
  coefficient: float = 0.9,
  log_det: str = 'exact',
  num_terms: int = 10,
  num_probes: int = 1,
  probe_seed: int | None = None,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'residual',
) -> tfd.TransformedDistribution:
  """Residual flow: steps of ActNorm and an invertible residual block.

  Behrmann et al. 2019 (Invertible Residual Networks); Chen et al. 2019
  (Residual Flows).

  Args:
    event_shape: [H, W, C] or [D].
    depth: steps, at least 1.
    hidden_channels: width of the networks.
    num_layers: hidden layers of the networks, at least 1.
    coefficient: bound of their Lipschitz constants, between 0 and 1.
    log_det: 'exact', or 'power_series' for large D, see `ResidualFlow`.
    num_terms: of the power series.
    num_probes: of the power series.
    probe_seed: of the probes; None draws new ones at each call, as training
      wants them, and with an integer a density is the same at each.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as `maf` does.

  Raises:
    ValueError: if an argument is not as above, naming it.

  #### Example

  >>> flow = residual([6], depth=2, hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])
  """

  def make_layers(step, size, step_seed):
    return [
      trainable_residual_flow(
        size,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        coefficient=coefficient,
        log_det=log_det,
        num_terms=num_terms,
        num_probes=num_probes,
        probe_seed=probe_seed,
        seed=step_seed,
        dtype=dtype,
        name=f'residual_{step}',
      )
    ]

  return vector_flow(event_shape, make_layers, depth, seed, dtype, name)


def ffjord(
  event_shape,
  *,
  depth: int = 1,
  hidden_channels: int = 64,
  num_layers: int = 2,
  trace: str = 'exact',
  num_probes: int = 1,
  probe_seed: int | None = None,
  tolerance: float = 1e-5,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'ffjord',
) -> tfd.TransformedDistribution:
  """FFJORD: steps of ActNorm and a continuous normalizing flow.

  Grathwohl et al. 2019 (FFJORD).

  Args:
    event_shape: [H, W, C] or [D].
    depth: steps, at least 1.
    hidden_channels: width of the networks.
    num_layers: hidden layers of the networks, at least 1.
    trace: 'exact', or 'hutchinson' for wide networks, see `ContinuousFlow`.
    num_probes: of Hutchinson's estimate.
    probe_seed: as in `residual`.
    tolerance: of the solver of the differential equation.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape`, as `maf` does.

  Raises:
    ValueError: if an argument is not as above, naming it.

  #### Example

  >>> flow = ffjord([6], hidden_channels=16, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])
  """

  def make_layers(step, size, step_seed):
    return [
      trainable_continuous_flow(
        size,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        trace=trace,
        num_probes=num_probes,
        probe_seed=probe_seed,
        tolerance=tolerance,
        seed=step_seed,
        dtype=dtype,
        name=f'ffjord_{step}',
      )
    ]

  return vector_flow(event_shape, make_layers, depth, seed, dtype, name)
