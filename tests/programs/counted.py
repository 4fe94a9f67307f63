"""Checkpoints of a single variable, for the tests of checkpoints."""

import itertools
import os

import tensorflow as tf

from training.run_folder.checkpoints import Checkpoints


class Counted:
  """A variable that holds the number of the step, and its checkpoints."""

  def __init__(self, folder, keep=3):
    self.value = tf.Variable(0.0)
    self.said = []
    self.checkpoints = Checkpoints(
      folder, keep, say=self.said.append, value=self.value
    )

  def save(self, *steps, metrics=()):
    """Saves a checkpoint at each step and waits for the last one."""
    for step, metric in itertools.zip_longest(steps, metrics):
      self.value.assign(step)
      self.checkpoints.save(step, metric)
    self.checkpoints.wait()
    return self


def restored(folder):
  """Returns (step, value, messages) of a new reader."""
  reader, said = Counted(folder), []
  step = reader.checkpoints.restore(said.append)
  return step, float(reader.value), said


def names(folder):
  """Returns the sorted names in a folder."""
  return sorted(path.name for path in folder.iterdir())


def truncate(path):
  """Removes the last bytes of a file."""
  os.truncate(path, path.stat().st_size - 9)


def flip_a_bit(path):
  """Flips a bit in the middle of a file."""
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
