"""NICE."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors, networks

__all__ = ['nice']

tfb = tfp.bijectors
tfd = tfp.distributions


def nice(
  event_shape,
  *,
  depth: int = 4,
  hidden_channels: int = 1000,
  num_layers: int = 5,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'nice',
) -> tfd.TransformedDistribution:
  """NICE: additive couplings, a scale of each number, a logistic prior.

  The numbers of an event are parted into those at even and at odd places; one
  part is shifted by a fully connected network of the other, in turn. Nothing
  else changes volumes but the scale at the end.

  NICE (Dinh, Krueger and Bengio 2015), sections 3.2 to 3.4 and 5.1; the
  defaults are those of its MNIST model.

  Args:
    event_shape: [H, W, C] or [D], an even number of elements.
    depth: additive couplings, at least 1.
    hidden_channels: width of the networks.
    num_layers: hidden layers of the networks.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    network_dtype: what the networks compute in, see `multiscale_flow`.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over events of `event_shape` with a standard
    logistic base.

  Raises:
    ValueError: if the number of elements is odd or `depth` less than 1.
  """
  event_shape = [int(size) for size in event_shape]
  size, dtype = math.prod(event_shape), tf.as_dtype(dtype)
  if size % 2 or not size:
    raise ValueError(
      f'`event_shape` {event_shape} has {size} elements; it must be an even '
      'number.'
    )
  if depth < 1:
    raise ValueError(f'`depth` is {depth}; it must be at least 1.')
  seeds = np.random.SeedSequence(seed).generate_state(depth)
  with tf.name_scope(name):
    even_then_odd = np.concatenate(
      [np.arange(0, size, 2), np.arange(1, size, 2)]
    )
    layers = [bijectors.ShuffleChannels(even_then_odd, dtype)]
    for step, step_seed in enumerate(seeds):
      network = networks.dense_network(
        size // 2,
        size // 2,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        seed=int(step_seed),
        dtype=dtype,
        network_dtype=network_dtype,
      )
      layers.append(
        bijectors.AdditiveCoupling(network, dtype, name=f'coupling_{step}')
      )
      layers.append(bijectors.ReverseChannels(dtype, name=f'reverse_{step}'))
    log_scale = tf.Variable(tf.zeros([size], dtype), name='log_scale')
    layers.append(tfb.Scale(log_scale=log_scale))
    chain = bijectors.ReversibleChain(layers[::-1], 'store', name='encoder')
    encoder = bijectors.Reshaped(chain, event_shape, [1, 1, size])
    base = tfd.Sample(
      tfd.Logistic(tf.zeros([], dtype), tf.ones([], dtype)),
      sample_shape=event_shape,
    )
    return tfd.TransformedDistribution(
      base, tfb.Invert(encoder, name='decoder'), name=name
    )
