"""The training loop, from a configuration to a folder of results."""

import functools
import hashlib

import numpy as np
import tensorflow as tf

from ..data.batches import next_batch
from ..errors import UserError
from ..interrupt import StopRequest
from ..run_folder import status
from ..run_folder.config_file import facts
from ..run_folder.lock import FolderLock
from . import results
from .clock import Clock
from .optimization.learning_rate import images_at_once
from .report import Report
from .run import Run
from .train_step import make_train_step
from .workers import Workers

__all__ = ['train']


def train_steps(run: Run, stop_request: StopRequest) -> None:
  """Trains from the current step of a run to its last step.

  Args:
    run: `Run`, restored or initialized.
    stop_request: Reports whether this process was asked to stop.

  Raises:
    UserError: If too many consecutive steps were not finite.
  """
  config, state, workers = run.config.train, run.state, run.workers
  train_step = _make_step(run)
  global_batch = run.global_batch()
  batches = iter(run.batches())
  clock = Clock(state.seconds, 60 * config.max_minutes or np.inf)
  step, skipped_in_a_row = int(state.step), 0
  stop = workers.any(run.has_ended)
  with Report(run, clock) as report:
    while step < config.num_steps and not stop:
      clock.start_step()
      batch = next_batch(batches)
      wants_stop = stop_request.received or clock.is_ending
      metrics = train_step(batch, tf.constant(wants_stop))
      step = state.complete_step(global_batch, bool(metrics['skipped']))
      clock.end_step(global_batch)
      stop = bool(metrics['stop'])
      report.show(step)
      skipped_in_a_row = skipped_in_a_row + 1 if metrics['skipped'] else 0
      if skipped_in_a_row == config.max_skipped:
        raise _not_finite(run, skipped_in_a_row)
      if step % config.commit_every == 0:
        workers.commit()
      if not workers.is_first:
        continue
      is_last, test_bits = stop or step == config.num_steps, None
      # A request to stop skips the evaluation, so that the process ends soon.
      is_asked = stop_request.received or (stop and not clock.is_ending)
      if (step % config.eval_every == 0 or is_last) and not is_asked:
        test_bits = report.evaluate()
      if step % config.log_every == 0 or is_last:
        report.log(metrics, test_bits)
      # After a skipped step the weights may be useless, and their checkpoint
      # would replace an older one. `save_checkpoint` checks the weights on the
      # images of this step.
      is_due = step % config.checkpoint_every == 0 and not skipped_in_a_row
      if is_due or is_last:
        report.save_checkpoint(batch, test_bits)


def train(config, folder: str) -> None:
  """Trains a flow, or resumes its training, and writes the results.

  Args:
    config: The whole configuration, see `configs/options.py`.
    folder: The folder of the run. A run of the same configuration there is
      resumed.

  Raises:
    UserError: If something in the configuration or the folder is wrong, or too
      many consecutive steps were not finite.
  """
  if config.train.deterministic:
    tf.config.experimental.enable_op_determinism()
  workers = Workers(functools.partial(images_at_once, config.train))
  run = Run(config, folder, workers)
  run.say(run.dataset.describe())
  run.say(_limits(config.train))
  run.dataset.open_train()
  for warning in run.dataset.warnings:
    run.say(warning)
  with FolderLock(run.folder) as lock, StopRequest() as stop_request:

    def body():
      # In an elastic run another worker may have become the first.
      lock.hold(workers.is_first)
      workers.check_same(facts(config))
      if workers.is_elastic:
        step = int(run.state.step)
        run.note(f'{workers.size} workers train from step {step}.')
      train_steps(run, stop_request)
      _check_same_weights(run)
      stop_request.received = workers.any(stop_request.received)

    lock.hold(workers.is_first)
    run.start()
    workers.run(body, lambda: run.state.variables)
    run.checkpoints.wait()
    if stop_request.received:
      step = int(run.state.step)
      run.note(f'Stopped at step {step}; the same command resumes.')
      return
    stop_request.restore_handlers()  # the results can be interrupted
    if workers.is_first:
      run.say('Evaluating, sampling and exporting ...')
      status.set_activity(run.folder, 'evaluating and exporting')
      results.write(run)


def _limits(config):
  """Returns a sentence about when the training ends."""
  limit = f'{config.num_steps} steps (config.train.num_steps)'
  if config.max_minutes:
    limit += f' or {config.max_minutes:g} minutes (config.train.max_minutes)'
  return f'The training ends after {limit}.'


def _make_step(run):
  config = run.config.train
  return make_train_step(
    run.model.density,
    run.state.optimizer,
    run.workers,
    num_bits=run.config.data.num_bits,
    clip_norm=config.clip_norm,
    compress=config.compress_gradients,
    global_batch=run.global_batch(),
    accumulate=config.accumulate,
    average=run.model.average,
  )


def _not_finite(run, skipped):
  saved_step = run.checkpoints.saved_step
  kept = (
    'no checkpoint had been written'
    if saved_step is None
    else f'the checkpoint of step {saved_step} is kept'
  )
  return UserError(
    f'the loss or its gradient was not finite in {skipped} consecutive steps, '
    f'up to step {int(run.state.step)}; {kept}. Resume with a lower '
    'config.train.learning_rate.'
  )


def _check_same_weights(run):
  """Raises `UserError` if the weights of the workers differ."""
  digest = hashlib.sha256()
  for variable in run.model.density.variables:
    digest.update(variable.numpy().tobytes())
  step = int(run.state.step)
  run.workers.check_same({f'weights at step {step}': digest.hexdigest()})
