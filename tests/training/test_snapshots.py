"""A copy of the values, written by another thread, is TensorFlow's own."""

import threading

import numpy as np
import tensorflow as tf
import tf_keras

from training import snapshots


def model():
  """Layers and an optimizer with slots, all with values of their own."""
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


def test_the_files_are_those_of_tensorflow(tmp_path):
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
