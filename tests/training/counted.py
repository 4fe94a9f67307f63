"""A variable and its checkpoints, for the tests of these."""

import itertools
import os

import tensorflow as tf

from training.checkpoints import Checkpoints


class Counted:
  """A variable and its checkpoints."""

  def __init__(self, folder, keep=3):
    self.value = tf.Variable(0.0)
    self.said = []
    self.checkpoints = Checkpoints(
      folder, keep, say=self.said.append, value=self.value
    )

  def save(self, *steps, metrics=()):
    for step, metric in itertools.zip_longest(steps, metrics):
      self.value.assign(step)
      self.checkpoints.save(step, metric)
    self.checkpoints.wait()
    return self


def restored(folder):
  """(step, value, what was said) of a fresh reader."""
  reader, said = Counted(folder), []
  step = reader.checkpoints.restore(said.append)
  return step, float(reader.value), said


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def truncate(path):
  os.truncate(path, path.stat().st_size - 9)


def flip_a_bit(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
