"""Fits a `FlowModel` on two logical CPUs with `MirroredStrategy`.

Run by `test_flow_model_strategies` as `python -m
tests.programs.flow_model_strategy FOLDER`. The number of logical devices can be
set only before TensorFlow starts.
"""

import pathlib
import sys
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import tfp_cinc
from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel, model

# 20 images in steps of 8: the last step has 4.
IMAGES = np.random.default_rng(0).choice([90, 100, 160], [20, 4, 4, 1])
IMAGES = IMAGES.astype(np.uint8)
OPTIMIZERS = {
  'keras': lambda: keras.optimizers.Adam(1e-2),
  'tf_keras': lambda: tf_keras.optimizers.Adam(1e-2, clipnorm=0.1),
  'legacy': lambda: tf_keras.optimizers.legacy.SGD(1e-2),
}


def middles(images, num_bits=8, noise=0.5):
  """Dequantizes without the noise, which differs between replicas."""
  noise = 0.5 if noise is None else noise
  return tfp_cinc.dequantize(images, num_bits, noise=noise)


def make(strategy, optimizer):
  with strategy.scope():
    flow = models.cinc([4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=0)
    made = FlowModel(flow)
    made.compile(optimizer())
  return made


def fit(strategy, optimizer):
  """Returns a trained model and its losses of training and validation."""
  made = make(strategy, optimizer)
  history = made.fit(
    IMAGES,
    batch_size=8,
    epochs=2,
    shuffle=False,
    verbose=0,
    validation_data=IMAGES[:9],
  ).history
  return made, [history['loss'], history['val_bits_per_dim']]


def replicas(variables):
  """The values of each replica, as one row of [replicas, n]."""
  values = [[np.ravel(part) for part in v.values] for v in variables]
  return np.stack([np.concatenate(row) for row in zip(*values, strict=True)])


def refused(use):
  """The message of the error that a call raises."""
  try:
    use()
  except ValueError as error:
    return str(error)
  return ''


def main(folder):
  """Writes what one device and two replicas learn."""
  (cpu,) = tf.config.list_physical_devices('CPU')
  devices = [tf.config.LogicalDeviceConfiguration()] * 2
  tf.config.set_logical_device_configuration(cpu, devices)
  mirrored = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
  alone = tf.distribute.get_strategy()
  results = {}
  with mock.patch.object(model, 'dequantize', middles):
    for name, optimizer in OPTIMIZERS.items():
      one, results[f'{name}_losses_of_one'] = fit(alone, optimizer)
      two, results[f'{name}_losses'] = fit(mirrored, optimizer)
      results[f'{name}_of_one'] = replicas_of_one(one)
      results[f'{name}_weights'] = replicas(two.flow.variables)

  # The gradient of the second replica alone is not finite.
  weights = np.ones(8, np.float32)
  weights[-1] = np.inf
  logs = two.fit(IMAGES[:8], sample_weight=weights, verbose=0, shuffle=False)
  results |= {
    'skipped': replicas(two.flow.variables),
    'skipped_loss': logs.history['loss'],
    'iterations': two.optimizer.iterations.numpy(),
  }

  two, _ = fit(mirrored, OPTIMIZERS['keras'])  # with the noise
  results['noisy'] = replicas(two.flow.variables)
  results['bits'] = two.predict(IMAGES, verbose=0)
  two.export(pathlib.Path(folder, 'model'))
  for path in ('all', 'all.weights.h5'):
    two.save_weights(pathlib.Path(folder, path))
    other = make(mirrored, OPTIMIZERS['keras'])
    other.load_weights(pathlib.Path(folder, path))
    results[f'{path}_bits'] = other.predict(IMAGES, verbose=0)

  results['clipped'] = refused(
    lambda: make(mirrored, lambda: keras.optimizers.Adam(clipnorm=1.0))
  )
  with mirrored.scope():
    options = {'jit_compile': True}
    results['compiled'] = refused(lambda: two.compile(**options))
  np.savez(pathlib.Path(folder, 'out.npz'), **results)


def replicas_of_one(made):
  """The weights of a model without a strategy, [n]."""
  return np.concatenate([np.ravel(v) for v in made.flow.variables])


if __name__ == '__main__':
  main(sys.argv[1])
