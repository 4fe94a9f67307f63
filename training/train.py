"""The training run, from a configuration to a folder of results."""

import contextlib
import functools
import hashlib
import signal
import time

import numpy as np
import tensorflow as tf

from training import results, status, steps, summaries, workdir
from training.datasets import next_batch
from training.distributed import Workers
from training.errors import UserError
from training.optimization import images_at_once
from training.progress import Progress
from training.run import Run

__all__ = ['train']


def train(config, folder: str) -> None:
  """Trains a flow, or goes on training it, and leaves its results in a folder.

  Args:
    config: the configuration, see `training/configs/base.py`.
    folder: the workdir. A run of the same configuration there is resumed.

  Raises:
    UserError: if something in the configuration or the folder is wrong, or if
      too many steps in a row were not finite.
  """
  if config.train.deterministic:
    tf.config.experimental.enable_op_determinism()
  workers = Workers(functools.partial(images_at_once, config.train))
  run = Run(config, folder, workers)
  run.say(_data_line(run.dataset))
  run.dataset.open_train()
  for warning in run.dataset.warnings:
    run.say(warning)
  with contextlib.ExitStack() as held, Termination() as termination:

    def body():
      # Whoever is worker 0 now: an elastic run may have lost the one before.
      if workers.is_first:
        held.pop_all().close()
        held.enter_context(workdir.lock(run.folder))
      workers.check_same(workdir.facts(config))
      if workers.is_elastic:
        run.note(f'{workers.size} workers go on from step {int(run.step)}.')
      _train_steps(run, termination)

    changes = []
    if workers.is_first:
      held.enter_context(workdir.lock(run.folder))
      changes = workdir.check_config(config, folder)
    run.start()
    if changes:
      run.note(f'Goes on with {", ".join(changes)}.')
    workers.run(body, run.variables)
    run.checkpoints.wait()
    if termination.asked:
      run.note(f'Ended at step {int(run.step)}; the same command resumes.')
    elif workers.is_first:
      run.say('Evaluating, sampling and exporting ...')
      results.write(run)


class Termination:
  """Whether this process was asked to end, by SIGTERM.

  A cluster's scheduler sends it some seconds before it kills.

  Attributes:
    asked: whether the signal has come.
  """

  def __init__(self):
    self.asked = False
    self._before = None

  def __enter__(self):
    def note(*_):
      self.asked = True

    self._before = signal.signal(signal.SIGTERM, note)
    return self

  def __exit__(self, *_):
    signal.signal(signal.SIGTERM, self._before)


def _train_steps(run, termination):
  """The training loop, from the step that the run is at to the last."""
  config, workers = run.config.train, run.workers
  global_batch = run.global_batch()
  run.optimizer.learning_rate = run.learning_rates()
  train_step = steps.make_train_step(
    run.density,
    run.optimizer,
    workers,
    num_bits=run.config.data.num_bits,
    clip_norm=config.clip_norm,
    compress=config.compress_gradients,
    global_batch=global_batch,
    accumulate=config.accumulate,
    average=run.average,
  )
  log_prob = steps.make_log_prob(run.density, workers.parallel)
  batches = iter(run.batches())
  limit = 60 * config.max_minutes or np.inf
  first_step = int(run.step)
  skipped_in_a_row = 0
  started = time.monotonic() - float(run.seconds)
  logged_step, logged_time = first_step, time.monotonic()
  # A run that was ended by its time limit ended up to two steps before it.
  stop = float(run.seconds) >= 0.98 * limit
  bar = Progress(
    config.num_steps, first_step, workers.is_first, limit - float(run.seconds)
  )
  with _writer(run).as_default(), bar:
    step_seconds = 0.0
    while int(run.step) < config.num_steps and not stop:
      now = time.monotonic()
      out_of_time = now - started + 2 * step_seconds >= limit
      images = next_batch(batches)
      metrics = train_step(
        images, tf.constant(out_of_time or termination.asked)
      )
      run.step.assign_add(1)
      run.examples.assign_add(global_batch)
      step = int(run.step)
      run.seconds.assign(time.monotonic() - started)
      step_seconds = time.monotonic() - now
      stop = bool(metrics['stop'])
      bar.update(step)
      if bool(metrics['skipped']):
        skipped_in_a_row += 1
        run.skipped.assign_add(1)
        _check_skipped(run, skipped_in_a_row)
      else:
        skipped_in_a_row = 0
      if step % config.commit_every == 0:
        workers.commit()
      is_last = stop or step == config.num_steps
      if not workers.is_first:
        continue
      test_bits = None
      if not termination.asked and (step % config.eval_every == 0 or is_last):
        test_bits = _write_test_summaries(run, log_prob)
      if step % config.log_every == 0 or is_last:
        now = time.monotonic()
        speed = (step - logged_step) * global_batch / (now - logged_time)
        _log(run, metrics, speed, bar, test_bits)
      if step % config.log_every == 0 or test_bits is not None:
        logged_step, logged_time = step, time.monotonic()
      due = step % config.checkpoint_every == 0 and not skipped_in_a_row
      if due or is_last:
        # The step was finite, but what it made of the weights may not be.
        if np.all(np.isfinite(log_prob(images))):
          run.checkpoints.save(step, test_bits)
        else:
          run.note(f'No checkpoint at step {step}: the loss is not finite.')
  digest = hashlib.sha256()
  for variable in run.density.variables:
    digest.update(variable.numpy().tobytes())
  workers.check_same({f'weights at step {int(run.step)}': digest.hexdigest()})
  # Told to one worker, it is told to all.
  asked = workers.mean(tf.constant(float(termination.asked)))
  termination.asked = float(asked) > 0


def _data_line(dataset):
  """What is trained on, for the user to see that it is what was meant."""
  number = '' if dataset.num_train is None else f'{dataset.num_train} '
  shape = ' x '.join(map(str, dataset.image_shape))
  return f'{dataset.name}: {number}images to train on, each {shape}.'


def _writer(run):
  """Where worker 0's summaries go."""
  if not run.workers.is_first:
    return tf.summary.create_noop_writer()
  return tf.summary.create_file_writer(str(run.folder / 'tensorboard'))


def _check_skipped(run, in_a_row):
  if in_a_row < run.config.train.max_skipped:
    return
  saved_step = run.checkpoints.saved_step
  kept = (
    'no checkpoint had been written'
    if saved_step is None
    else f'the checkpoint of step {saved_step} is kept'
  )
  raise UserError(
    f'{in_a_row} steps in a row, up to step {int(run.step)}, had a loss or a '
    f'gradient that is not finite; {kept}. A lower '
    'config.train.learning_rate may help: the run goes on with it.'
  )


def _log(run, metrics, images_per_second, bar, test_bits):
  """Tells how it goes: on the terminal, to TensorBoard, in status.json."""
  step = int(run.step)
  bar.update(step, metrics, images_per_second)
  summaries.write_train(
    step,
    metrics,
    learning_rate=run.optimizer.learning_rate(run.optimizer.iterations - 1),
    images_per_second=images_per_second,
    skipped_steps=int(run.skipped),
    workers=run.workers.size,
  )
  status.write_status(
    run.folder,
    step=step,
    num_steps=run.config.train.num_steps,
    bits_per_dim=float(metrics['bits_per_dim']),
    images_per_second=images_per_second,
    seconds_left=bar.seconds_left(),
    skipped_steps=int(run.skipped),
    workers=run.workers.size,
    test_bits_per_dim=test_bits,
  )


def _write_test_summaries(run, log_prob):
  """Looks at test images, samples and layers; returns test bits/dim."""
  data, settings = run.config.data, run.config.eval
  images = run.dataset.test_images[: settings.num_images]
  step = int(run.step)

  def log_prob_of_average(values):
    with run.average.applied():
      return log_prob(values)

  found = summaries.write_test(
    step,
    {'raw': log_prob, 'average': log_prob_of_average},
    images,
    num_bits=data.num_bits,
    batch_size=settings.batch_size,
  )
  with run.average.applied():
    summaries.write_samples(step, run.flow, data.num_bits)
    summaries.write_layers(step, run.density, images[:8], data.num_bits)
  return found['average']
