"""Trains a tiny flow on a batch that the workers may share unequally.

Run by `test_train_step` as `python -m tests.programs.shares OUT`, on one worker
or several.
"""

import sys

import numpy as np
import tensorflow as tf

from tests.training import tiny
from training.loop.model import build_flow
from training.loop.optimization.averaging import WeightAverage
from training.loop.optimization.learning_rate import (
  batch_rule,
  learning_rate_schedule,
)
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

SHAPE = [4, 4, 1]
NUM_STEPS = 5
BATCH_SIZE = 7


def main(out):
  """Writes losses, weights and averages."""
  workers = Workers()
  config = tiny.get_config()
  config.train.batch_size = BATCH_SIZE
  shares, _ = batch_rule(config.train, workers.size, workers.size)
  start = sum(shares[: workers.rank])
  mine = slice(start, start + shares[workers.rank])
  flow = build_flow(config, SHAPE)
  weights = flow.trainable_variables
  average = WeightAverage(weights, 0.9)
  rate = learning_rate_schedule(config.train)
  train_step = make_train_step(
    flow,
    build_optimizer(config.train, flow, rate),
    workers,
    num_bits=8,
    clip_norm=1.0,
    global_batch=sum(shares),
    accumulate=workers.size,
    average=average,
  )
  # The last images have a larger loss, so that the mean of the means of unequal
  # shares would differ from the mean over all images.
  scales = tf.reshape(tf.linspace(0.1, 3.0, BATCH_SIZE), [-1, 1, 1, 1])
  losses, norms = [], []
  for step in range(NUM_STEPS):
    noise = tf.random.stateless_normal([BATCH_SIZE, *SHAPE], [step, 0])
    metrics = train_step((scales * noise)[mine], tf.constant(False))
    losses.append(metrics['bits_per_dim'].numpy())
    norms.append(metrics['gradient_norm'].numpy())
  if workers.is_first:
    weights = np.concatenate([np.ravel(v) for v in weights])
    np.savez(
      out,
      losses=losses,
      norms=norms,
      weights=weights,
      average=average.variables[0],
      shares=shares,
    )


if __name__ == '__main__':
  main(sys.argv[1])
