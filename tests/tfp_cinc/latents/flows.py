"""Small flows for the tests of latents, built once."""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb = tfp.bijectors
tfd = tfp.distributions

SHAPE = [8, 8, 2]


def values(number=3, shape=SHAPE, seed=0):
  """Random images in [-0.5, 0.5)."""
  return tf.random.stateless_uniform([number, *shape], [seed, 5]) - 0.5


@functools.cache
def flow(model='cinc', **options):
  """A flow whose weights are not those of the start."""
  if model not in ('nice', 'maf'):
    options = {'levels': 2, **options}
  made = getattr(tfp_cinc.models, model)(
    SHAPE, depth=2, hidden_channels=4, seed=1, **options
  )
  condition = None
  if options.get('condition_channels'):
    condition = labels(16)
  tfp_cinc.initialize_from_data(made, values(16), condition)
  for i, variable in enumerate(made.trainable_variables):
    variable.assign_add(
      0.05
      * tf.random.stateless_normal(variable.shape, [i, 7], dtype=variable.dtype)
    )
  return made


def labels(number):
  """A condition [N, 3] for flows of `condition_channels=3`."""
  return tf.one_hot(np.arange(number) % 3, 3)


def scales(*factors):
  """A multi-scale flow that does no more than scale, each level by its own."""

  def level(number):
    squeeze = tfp_cinc.bijectors.Squeeze(name=f'squeeze_{number}')
    parts = [squeeze, tfb.Scale(factors[number], name='scale')]
    if number + 1 < len(factors):
      channels = SHAPE[-1] * 2**number * 2
      parts.append(
        tfp_cinc.bijectors.LeadingChannels(level(number + 1), channels)
      )
    parts.append(tfb.Invert(squeeze))
    return tfp_cinc.bijectors.Chain(parts[::-1], name=f'level_{number}')

  base = tfd.Sample(tfd.Normal(0.0, 1.0), SHAPE)
  return tfd.TransformedDistribution(base, tfb.Invert(level(0)))


def foreign():
  """A flow of vectors of TFP's own bijectors, with a chain in a chain."""
  chain = tfb.Chain(
    [
      tfb.Permute([2, 0, 1]),
      tfb.Chain([tfb.Scale([1.0, 2.0, 4.0]), tfb.Shift(1.0)], name='affine'),
      tfb.Softplus(),
    ],
    name='outer',
  )
  base = tfd.MultivariateNormalDiag(tf.zeros([3]))
  return tfd.TransformedDistribution(base, tfb.Invert(chain))
