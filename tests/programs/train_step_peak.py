"""Prints the bytes that a training step takes at its peak.

Run by `test_train_step` as `python -m tests.programs.train_step_peak NUMBER
ACCUMULATE`, for NUMBER images. It needs its own process because TensorFlow
keeps the memory that it has allocated.
"""

import ctypes
import pathlib
import re
import sys

import tensorflow as tf

from tests.training import tiny
from training.loop.model import build_flow
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

SHAPE = [32, 32, 3]


def main(number, accumulate):
  """Takes two steps; prints how far the second exceeds the memory before it."""
  config = tiny.get_config()
  config.flow.hidden_channels = 32
  config.flow.depth = 2
  flow = build_flow(config, SHAPE)
  rate = learning_rate_schedule(config.train)
  train_step = make_train_step(
    flow,
    build_optimizer(config.train, flow, rate),
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
  # The first step also optimizes the graph, which needs memory.
  train_step(images, tf.constant(False))
  trim(0)
  pathlib.Path('/proc/self/clear_refs').write_text('5')  # resets the peak
  assert not train_step(images, tf.constant(False))['skipped']
  print(_memory('VmHWM') - before)


def _memory(name):
  status = pathlib.Path('/proc/self/status').read_text()
  return 1024 * int(re.search(rf'{name}:\s+(\d+) kB', status)[1])


if __name__ == '__main__':
  main(*map(int, sys.argv[1:]))
