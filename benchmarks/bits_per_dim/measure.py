"""Trains and measures a flow: one job of a comparison."""

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

_CURVE_IMAGES = 512  # images of an evaluation during training
_RATE_SECONDS = 6.0  # of steps that are timed in a measurement of the step time
_SAMPLE_ROUNDS = 7


def measure(job: Job, folder: str) -> dict:
  """Trains a flow and measures it. Call it in a process of its own.

  The same rules apply to our flows and to those of other libraries. All cores
  are used.

  Args:
    job: The job: model, conditions, seed and learning rate.
    folder: Folder in which only one job runs at a time.

  Returns:
    A dict with 'data', 'parameters' and, if the conditions ask for the step
    time, 'step_seconds' (the median over steps, including the time to fetch the
    batch), 'steps' (the number of timed steps) and 'first_step_seconds' (of the
    step that traces and compiles, which is not in the median). Otherwise with
    'bits_per_dim' (the mean over images and noise draws, computed in float32
    with the averaged weights; None if the run diverged), 'image_error' (its
    standard error over images), 'num_images', 'steps', 'curve' (a list of
    [step, bits/dim of at most 512 images]), 'sampling_seconds' (or None) and
    'diverged' (a message, or None).
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
  batches = iter(configured_batches(config, dataset, conditions.batch_size))
  result = {'data': dataset.name, 'parameters': flow.parameters}
  if conditions.evaluate == 'step_time':
    return {**result, **_step_time(flow, batches, job)}
  held_out = dataset.test_images[: conditions.max_images or None]

  def bits_per_dim(some, draws):
    with flow.evaluating() as log_prob:
      return evaluation.bits_per_dim(
        log_prob,
        some,
        num_bits=config.data.num_bits,
        draws=draws,
        batch_size=config.eval.batch_size,
      )

  def quick_bits_per_dim():
    return float(np.mean(bits_per_dim(held_out[:_CURVE_IMAGES], 1)))

  result |= {
    'num_images': len(held_out),
    'bits_per_dim': None,
    'image_error': None,
    'sampling_seconds': None,
    **_train(flow, batches, config.train, conditions, quick_bits_per_dim),
  }
  if conditions.steps and not result['diverged']:
    bits = bits_per_dim(held_out, conditions.noise_draws)
    if np.all(np.isfinite(bits)):
      result['bits_per_dim'] = float(np.mean(bits))
      result['image_error'] = float(np.std(bits) / math.sqrt(len(bits)))
    else:
      result['diverged'] = 'the density of held-out images is not finite'
  if conditions.samples and not result['diverged']:
    result['sampling_seconds'] = _sampling_seconds(flow, conditions.samples)
  return result


def _step_time(flow, batches, job):
  """Times steps; returns the part of the result about them."""
  times = []
  while len(times) <= job.conditions.steps or sum(times[1:]) < _RATE_SECONDS:
    started = time.perf_counter()
    flow.step(next(batches), job.learning_rate)
    times.append(time.perf_counter() - started)
  return {
    'step_seconds': statistics.median(times[1:]),
    'steps': len(times) - 1,
    'first_step_seconds': times[0],
  }


def _train(flow, batches, config, conditions, bits_per_dim):
  """Trains a flow; returns the part of the result about the training.

  The schedule of the configuration spans all steps.
  """
  config = config.copy_and_resolve_references()
  config.num_steps = conditions.steps
  schedule = learning_rate_schedule(config)
  step = skipped = 0
  curve, diverged = [], None
  while step < conditions.steps:
    rate = float(schedule(tf.constant(step, tf.float32)))
    is_finite = flow.step(next(batches), rate)
    step += 1
    skipped = 0 if is_finite else skipped + 1
    if skipped == config.max_skipped:
      diverged = (
        f'the loss or the gradient was not finite {skipped} times in a row, '
        f'up to step {step}'
      )
      break
    if step * conditions.curve_points >= (len(curve) + 1) * conditions.steps:
      bits = bits_per_dim()
      curve.append([step, bits if math.isfinite(bits) else None])
  return {'steps': step, 'curve': curve, 'diverged': diverged}


def _sampling_seconds(flow, number):
  """Returns the median seconds to draw images, after two warm-up calls."""
  times = []
  with flow.sampling(number) as sample:
    for _ in range(2 + _SAMPLE_ROUNDS):
      started = time.perf_counter()
      sample()
      times.append(time.perf_counter() - started)
  return statistics.median(times[2:])
