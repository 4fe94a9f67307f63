"""Tests of the checksum of the weights of a flow."""

import numpy as np
import tensorflow as tf
import tf_keras

import tfp_cinc
from tfp_cinc.latents import weights_digest


def build(**options):
  return tfp_cinc.models.cinc(
    [4, 4, 1], levels=1, depth=1, hidden_channels=2, seed=0, **options
  )


def test_digest_is_that_of_the_weights(tmp_path):
  flow = build()
  before = weights_digest(flow)
  assert weights_digest(build()) == before
  variable = flow.trainable_variables[-1]
  old = variable.numpy()
  variable.assign(np.nextafter(old, np.float32(1)))
  changed = weights_digest(flow)
  assert changed != before
  prefix = tf.train.Checkpoint(flow=flow).write(str(tmp_path / 'state'))
  other = build()
  tf.train.Checkpoint(flow=other).read(prefix)
  assert weights_digest(other) == changed
  variable.assign(old)
  assert weights_digest(flow) == before


def test_network_of_keras_is_covered():
  network = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(1,))])
  coupling = tfp_cinc.bijectors.AffineCoupling(network)
  before = weights_digest(coupling)
  network.set_weights([value + 1 for value in network.get_weights()])
  assert weights_digest(coupling) != before


def test_constants_are_covered():
  flow = build()
  frozen = tfp_cinc.freeze(flow)
  before = weights_digest(frozen)
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * tf.ones_like(variable))
  assert weights_digest(tfp_cinc.freeze(flow)) != before
