"""Tests that copied values are written as TensorFlow writes them."""

import threading

import numpy as np
import tensorflow as tf
import tf_keras

from training.run_folder import snapshots


def model():
  """Returns layers and an optimizer with slots, with random values."""
  layers = tf_keras.Sequential(
    [tf_keras.layers.Dense(3), tf_keras.layers.Dense(2)]
  )
  layers.build((None, 4))
  optimizer = tf_keras.optimizers.legacy.Adam()
  optimizer._create_all_weights(layers.trainable_variables)
  chance = tf.random.Generator.from_seed(0)
  for variable in [*layers.variables, *optimizer.weights]:
    if variable.dtype.is_floating:
      variable.assign(chance.normal(variable.shape))
  return {'layers': layers, 'optimizer': optimizer, 'chance': chance}


def test_files_equal_those_of_tensorflow(tmp_path):
  checkpoint = tf.train.Checkpoint(**model())
  checkpoint.write(str(tmp_path / 'theirs'))
  taken = snapshots.Snapshots(checkpoint).take()
  thread = threading.Thread(
    target=snapshots.write, args=(taken, str(tmp_path / 'ours'))
  )
  thread.start()
  thread.join()
  ours = tf.train.load_checkpoint(str(tmp_path / 'ours'))
  theirs = tf.train.load_checkpoint(str(tmp_path / 'theirs'))
  types = theirs.get_variable_to_dtype_map()
  assert ours.get_variable_to_dtype_map() == types
  assert sum('.OPTIMIZER_SLOT/optimizer/m/' in key for key in types) == 4
  for key in types:
    np.testing.assert_array_equal(ours.get_tensor(key), theirs.get_tensor(key))
  checkpoint.read(str(tmp_path / 'ours')).assert_consumed()
