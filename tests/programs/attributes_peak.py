"""Prints the peak memory of learning directions, and how exact they are.

Run by `test_attributes` as `python -m tests.programs.attributes_peak NUMBER`,
for NUMBER images, in a process of its own. It prints the MiB that it takes in
addition to a flow that has encoded a batch, and the largest difference from the
formulas computed in memory.
"""

import ctypes
import pathlib
import re
import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from tests.tfp_cinc.latents.test_attributes import class_means, correlation
from tfp_cinc import latents

SHAPE, ATTRIBUTES, BATCH = [32, 32, 3], 40, 250


def main(number):
  """Learns 40 attributes of so many random images."""
  flow = tfp_cinc.models.glow(SHAPE, levels=2, depth=1, hidden_channels=4)
  tfp_cinc.initialize_from_data(flow, images(0)[0])
  spec = tf.TensorSpec([None, *SHAPE])
  encode = tf.function(
    lambda x: latents.encode(flow, x), input_signature=[spec], autograph=False
  )

  def batches():
    for start in range(0, number, BATCH):
      x, attributes = images(start)
      yield encode(x), attributes

  for _ in range(2):
    encode(images(0)[0])
  ctypes.CDLL(None).malloc_trim(0)
  before = _memory('VmRSS')
  pathlib.Path('/proc/self/clear_refs').write_text('5')  # the peak is now
  found = latents.attribute_directions(batches(), 'correlation').directions
  growth = _memory('VmHWM') - before
  z, a = map(np.concatenate, zip(*batches(), strict=True))
  blocks = np.array_split(np.arange(z.shape[1]), 8)
  parts = [
    np.concatenate(
      [formula(a, z[:, block].astype(np.float64)) for block in blocks], 1
    )
    for formula in (class_means, correlation)
  ]
  lengths = (np.linalg.norm(part, axis=1, keepdims=True) for part in parts)
  error = np.abs(found - parts[1] * np.divide(*lengths)).max()
  print(growth / 1024, error)


def images(start):
  """A batch of images whose brightness depends on their attributes."""
  rng = np.random.default_rng(start)
  attributes = (rng.random([BATCH, ATTRIBUTES]) < 0.3).astype(np.float32)
  mean = attributes @ np.linspace(-0.01, 0.01, ATTRIBUTES)
  x = rng.random([BATCH, *SHAPE], np.float32) - 0.5
  x = np.clip(x + mean[:, None, None, None], -0.5, 0.5).astype(np.float32)
  return x, attributes


def _memory(name):
  status = pathlib.Path('/proc/self/status').read_text()
  return int(re.search(rf'{name}:\s+(\d+) kB', status)[1])


if __name__ == '__main__':
  main(int(sys.argv[1]))
