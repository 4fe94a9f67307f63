"""Prints the bytes that a training step takes at its peak.

Run by `test_steps` as `python -m tests.training.peak NUMBER ACCUMULATE`, of
so many images, in a process of its own: TensorFlow keeps what it has allocated.
"""

import ctypes
import pathlib
import re
import sys

import tensorflow as tf

from tests.training import tiny
from training import optimization, steps
from training.distributed import Workers

SHAPE = [32, 32, 3]


def main(number, accumulate):
  """Takes two steps; prints what the second takes over the memory before."""
  config = tiny.get_config()
  config.flow.hidden_channels = 32
  config.flow.depth = 2
  flow = steps.build_flow(config, SHAPE)
  train_step = steps.make_train_step(
    flow,
    optimization.build_optimizer(config.train, flow),
    Workers(),
    num_bits=8,
    clip_norm=1.0,
    accumulate=accumulate,
  )
  images = tf.random.stateless_uniform([number, *SHAPE], [0, 0]) - 0.5
  train_step.get_concrete_function(images, tf.constant(False))
  trim = ctypes.CDLL(None).malloc_trim
  trim(0)
  before = _memory('VmRSS')
  # The first step optimizes the graph, which needs memory too.
  train_step(images, tf.constant(False))
  trim(0)
  pathlib.Path('/proc/self/clear_refs').write_text('5')  # the peak is now
  assert not train_step(images, tf.constant(False))['skipped']
  print(_memory('VmHWM') - before)


def _memory(name):
  status = pathlib.Path('/proc/self/status').read_text()
  return 1024 * int(re.search(rf'{name}:\s+(\d+) kB', status)[1])


if __name__ == '__main__':
  main(*map(int, sys.argv[1:]))
