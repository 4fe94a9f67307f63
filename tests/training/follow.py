"""Trains a tiny flow step by step and records what every worker holds.

Run by `test_distributed` as `python -m tests.training.follow OUT [POISON]`, on
one worker or several; POISON is a step at which worker 0 alone gets images that
are not finite, and with it gradients travel as float16.
"""

import sys

import numpy as np
import tensorflow as tf

from tests.training import tiny
from training import steps
from training.distributed import Workers
from training.run import Run

NUM_STEPS = 12


def main(out, poison=-1):
  """Writes losses, weights' sums by worker and skipped steps to a file."""
  workers = Workers()
  config = tiny.get_config()
  # Other weights on each worker until worker 0's are handed out.
  config.seed += workers.rank
  run = Run(config, '/nonexistent', workers)
  run.start()
  workers.broadcast(run.variables())
  config.seed = 0
  train_step = steps.make_train_step(
    run.flow,
    run.optimizer,
    workers,
    num_bits=8,
    clip_norm=1.0,
    compress=poison >= 0,
  )
  config.train.batch_size = 16
  stream = run.batches()
  losses, skipped, same = [], [], []
  for step, images in enumerate(stream.take(NUM_STEPS)):
    if step == poison and workers.is_first:
      images *= np.nan
    metrics = train_step(images, tf.constant(False))
    losses.append(metrics['bits_per_dim'].numpy())
    skipped.append(bool(metrics['skipped']))
    weights = tf.concat(
      [
        tf.reshape(tf.cast(variable, tf.float32), [-1])
        for variable in [*run.flow.variables, *run.optimizer.variables()]
      ],
      axis=0,
    )
    everyone = workers.gather(weights[tf.newaxis]).numpy()
    assert len(everyone) == workers.size
    same.append(
      np.array_equal(everyone, np.repeat(everyone[:1], workers.size, 0))
    )
  if workers.is_first:
    np.savez(out, losses=losses, skipped=skipped, same=same, weights=weights)


if __name__ == '__main__':
  main(sys.argv[1], *map(int, sys.argv[2:]))
