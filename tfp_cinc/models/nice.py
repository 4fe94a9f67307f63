"""NICE: non-linear independent components estimation."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors, networks
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.base import conditional_vector_base, flow_of

__all__ = ['nice']

tfb = tfp.bijectors
tfd = tfp.distributions


def nice(
  event_shape: Sequence[int],
  *,
  depth: int = 4,
  hidden_channels: int = 1000,
  num_layers: int = 5,
  condition_channels: int = 0,
  conditional_base: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'nice',
) -> tfd.TransformedDistribution:
  """Returns NICE: additive couplings, a scale of each element, a logistic base.

  The elements of an event are split into those at even and those at odd
  positions. Each coupling shifts one half by the output of a fully connected
  network of the other half, and the halves alternate. Only the scale at the end
  changes the volume.

  Cost: a density and a sample each take one pass through each network.

  #### Example

  >>> flow = nice([6], depth=2, hidden_channels=16, num_layers=1, seed=1)
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Dinh, Krueger and Bengio 2015, [NICE](https://arxiv.org/abs/1410.8516),
  sections 3.2 to 3.4 and 5.1. The defaults are those of its MNIST model.

  Args:
    event_shape: Shape of an event, [H, W, C] or [D], with an even number of
      elements.
    depth: Number of additive couplings, at least 1.
    hidden_channels: Size of the hidden layers of the networks.
    num_layers: Number of hidden layers of each network.
    condition_channels: Number of elements K of the condition vector, 0 for
      none; see `tfp_cinc.given`.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    network_dtype: Dtype in which the networks compute, see `multiscale_flow`.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape` with a standard
    logistic base. Its `bijector` goes from latent to event.

  Raises:
    ValueError: If the number of elements is odd, a size is less than 1, or
      `network_dtype` cannot be used with `dtype`.
  """
  event_shape = [int(size) for size in event_shape]
  size, dtype = math.prod(event_shape), tf.as_dtype(dtype)
  if size % 2 or not size:
    raise ValueError(
      f'`event_shape` {event_shape} has {size} elements; their number must be '
      'even and at least 2.'
    )
  check_sizes(depth=depth)
  with tf.name_scope(name):
    even_then_odd = np.concatenate(
      [np.arange(0, size, 2), np.arange(1, size, 2)]
    )
    layers = [bijectors.ShuffleChannels(even_then_odd, dtype)]
    for step, step_seed in enumerate(split_seed(seed, depth)):
      network = networks.trainable_dense_network(
        size // 2,
        size // 2,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        condition_channels=condition_channels,
        seed=step_seed,
        dtype=dtype,
        network_dtype=network_dtype,
      )
      layers.append(
        bijectors.AdditiveCoupling(network, dtype, name=f'coupling_{step}')
      )
      layers.append(bijectors.ReverseChannels(dtype, name=f'reverse_{step}'))
    log_scale = tf.Variable(tf.zeros([size], dtype), name='log_scale')
    layers.append(tfb.Scale(log_scale=log_scale))
    if conditional_base:
      layers.append(conditional_vector_base(size, condition_channels, dtype))
    chain = bijectors.Chain(layers[::-1], name='encoder')
    encoder = bijectors.Reshaped(chain, event_shape, [1, 1, size])
    base = tfd.Logistic(tf.zeros([], dtype), tf.ones([], dtype))
    return flow_of(encoder, event_shape, base, name)
