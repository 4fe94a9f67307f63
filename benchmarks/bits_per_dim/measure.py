"""Trains and measures a flow: one run of a comparison."""

import math
import statistics
import time

import numpy as np
import tensorflow as tf

from benchmarks.bits_per_dim import images, trained
from benchmarks.bits_per_dim.records import Job
from training.data.batches import configured_batches
from training.loop import evaluation
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.run_folder.lock import lock_folder

__all__ = ['measure']

_VIRTUAL_STEPS = 10_000  # length of a schedule over a number of seconds
_SAMPLE_ROUNDS = 7


def measure(job: Job, folder: str) -> dict:
  """Trains a flow and measures it. Call it in a process of its own.

  Only fetching batches and taking steps is timed, not evaluations. The first
  step, which traces and compiles, is timed separately. The same rules apply to
  our flows and to those of other libraries. All cores are used.

  Args:
    job: The job: model, conditions, seed and learning rate.
    folder: Folder in which only one job runs at a time, because jobs would
      share the cores.

  Returns:
    A dict with 'bits_per_dim' (the mean over images and noise draws, computed
    in float32 with the averaged weights; None if the run diverged),
    'image_error' (its standard error over images), 'num_images', 'data',
    'parameters', 'seconds', 'steps', 'images_per_second', 'first_step_seconds',
    'curve' (a list of [seconds, step, bits/dim]), 'sampling_seconds' (or None)
    and 'diverged' (a message, or None).
  """
  with lock_folder(folder, 'use another --out'):
    return _measure(job)


def _measure(job):
  conditions = job.conditions
  config = job.model.full_config(conditions)
  config.seed = job.seed
  config.train.learning_rate = job.learning_rate
  workers = trained.start(job.model, config, conditions.samples)
  dataset = images.load(config.data, conditions.evaluate)
  first = next(
    iter(configured_batches(config, dataset, config.train.init_images))
  )
  flow = trained.build(job.model, config, workers, first)
  held_out = dataset.test_images[: conditions.max_images or None]

  def bits_per_dim(draws):
    with flow.evaluating() as log_prob:
      return evaluation.bits_per_dim(
        log_prob,
        held_out,
        num_bits=config.data.num_bits,
        draws=draws,
        batch_size=config.eval.batch_size,
      )

  result = {
    'data': dataset.name,
    'parameters': flow.parameters,
    'num_images': len(held_out),
    'bits_per_dim': None,
    'image_error': None,
    'sampling_seconds': None,
  }
  result.update(_train(flow, dataset, config, conditions, bits_per_dim))
  if conditions.trains and not result['diverged']:
    bits = bits_per_dim(conditions.noise_draws)
    if np.all(np.isfinite(bits)):
      result['bits_per_dim'] = float(np.mean(bits))
      result['image_error'] = float(np.std(bits) / math.sqrt(len(bits)))
    else:
      result['diverged'] = 'the density of held-out images is not finite'
  if conditions.samples and not result['diverged']:
    result['sampling_seconds'] = _sampling_seconds(flow, conditions.samples)
  return result


def _train(flow, dataset, config, conditions, bits_per_dim):
  """Trains a flow; returns the part of the result about the training."""
  batches = iter(configured_batches(config, dataset, conditions.batch_size))
  rate = _rates(config.train, conditions)
  seconds, first_seconds, step_seconds = 0.0, 0.0, 0.0
  step = skipped = 0
  curve, diverged = [], None
  # Stop if more than half of the next step would be after the last second.
  while conditions.progress(seconds + step_seconds / 2, step) < 1:
    started = time.perf_counter()
    progress = conditions.progress(seconds, step)
    is_finite = flow.step(next(batches), rate(progress, step))
    step_seconds = time.perf_counter() - started
    if step:
      seconds += step_seconds
    else:
      first_seconds, step_seconds = step_seconds, 0.0
    step += 1
    skipped = 0 if is_finite else skipped + 1
    if skipped == config.train.max_skipped:
      diverged = (
        f'the loss or the gradient was not finite {skipped} times in a row, '
        f'up to step {step}'
      )
      break
    due = (
      (len(curve) + 1) / conditions.curve_points
      <= conditions.progress(seconds, step)
      if conditions.curve_points
      else False
    )
    if due:
      bits = float(np.mean(bits_per_dim(draws=1)))
      curve.append([seconds, step, bits if math.isfinite(bits) else None])
  timed = max(step - 1, 0) * conditions.batch_size
  return {
    'seconds': seconds,
    'steps': step,
    'images_per_second': timed / seconds if seconds else None,
    'first_step_seconds': first_seconds,
    'curve': curve,
    'diverged': diverged,
  }


def _rates(config, conditions):
  """Returns the learning rate as a function of the progress and the step.

  The configuration's schedule spans the whole training. If the training ends
  after a number of seconds, the schedule depends on the elapsed time.
  """
  config = config.copy_and_resolve_references()
  config.num_steps = conditions.steps or _VIRTUAL_STEPS
  schedule = learning_rate_schedule(config)
  warmup = config.warmup_steps

  def rate(progress, step):
    if conditions.seconds and step >= warmup:
      step = warmup + progress * (config.num_steps - warmup)
    return float(schedule(tf.constant(step, tf.float32)))

  return rate


def _sampling_seconds(flow, number):
  """Returns the median seconds to draw images, after two warm-up calls."""
  times = []
  with flow.sampling(number) as sample:
    for _ in range(2 + _SAMPLE_ROUNDS):
      started = time.perf_counter()
      sample()
      times.append(time.perf_counter() - started)
  return statistics.median(times[2:])
