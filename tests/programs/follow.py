"""Trains a tiny flow step by step and records the weights of every worker.

Run by `test_workers` as `python -m tests.programs.follow OUT [POISON]`, on one
worker or several. At step POISON worker 0 gets images that are not finite;
gradients then travel as float16.
"""

import sys

import numpy as np
import tensorflow as tf

from tests.training import tiny
from training.loop.run import Run
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

NUM_STEPS = 12


def main(out, poison=-1):
  """Writes losses, skipped steps and weights, and whether workers agree."""
  workers = Workers()
  config = tiny.get_config()
  # Different weights on each worker until those of worker 0 are broadcast.
  config.seed += workers.rank
  run = Run(config, '/nonexistent', workers)
  run.start()
  workers.broadcast(run.state.variables)
  config.seed = 0
  flow, optimizer = run.model.flow, run.state.optimizer
  train_step = make_train_step(
    flow,
    optimizer,
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
        for variable in [*flow.variables, *optimizer.variables()]
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
