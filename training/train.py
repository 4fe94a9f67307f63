"""The training run, from a configuration to a folder of results."""

import contextlib
import hashlib
import pathlib
import signal
import sys
import time

import numpy as np
import tensorflow as tf
import tqdm

import tfp_cinc
from training import datasets, evaluate, pictures, steps, workdir
from training.checkpoints import Checkpoints
from training.distributed import Workers
from training.errors import UserError

__all__ = ['load_run', 'train']

_TEMPERATURES = (0.0, 0.5, 0.7, 1.0)


class Run:
  """What a run consists of and what its checkpoints hold."""

  def __init__(self, config, folder: str, workers: Workers):
    """Builds all from the configuration; nothing is read or written yet."""
    self.config = config
    self.folder = pathlib.Path(folder)
    self.workers = workers
    tf.random.set_seed(config.seed)
    self.dataset = datasets.load(config.data)
    self.flow = steps.build_flow(config, self.dataset.image_shape)
    self.optimizer = steps.build_optimizer(
      config.train, list(self.flow.trainable_variables)
    )
    # Data position and random state are functions of the seed and of these.
    self.step = tf.Variable(0, trainable=False, dtype=tf.int64)
    self.examples = tf.Variable(0, trainable=False, dtype=tf.int64)
    self.skipped = tf.Variable(0, trainable=False, dtype=tf.int64)
    self.seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
    self.checkpoints = Checkpoints(
      self.folder / 'checkpoints',
      config.train.keep_checkpoints,
      flow=self.flow,
      optimizer=self.optimizer,
      step=self.step,
      examples=self.examples,
      skipped=self.skipped,
      seconds=self.seconds,
      seed=tf.Variable(config.seed, trainable=False, dtype=tf.int64),
    )

  def say(self, sentence: str) -> None:
    """Prints on worker 0."""
    if self.workers.is_first:
      tqdm.tqdm.write(sentence, file=sys.stdout)
      sys.stdout.flush()

  def variables(self) -> list[tf.Variable]:
    """All that the workers share."""
    return [
      *self.flow.variables,
      *self.optimizer.variables(),
      self.step,
      self.examples,
      self.skipped,
      self.seconds,
    ]

  def batches(self, batch_size, first_step=0, rank=0, size=1):
    """The stream of training batches of a worker."""
    return datasets.training_batches(
      self.dataset,
      seed=self.config.seed,
      batch_size=batch_size,
      num_bits=self.config.data.num_bits,
      flip=self.config.data.flip,
      first_step=first_step,
      rank=rank,
      size=size,
    )

  def start(self) -> None:
    """Restores or initializes, on worker 0."""
    if not self.workers.is_first:
      return
    workdir.write_config(self.config, self.folder)
    restored = self.checkpoints.restore(self.say)
    if restored is None:
      images = next(iter(self.batches(self.config.train.init_images)))
      tfp_cinc.initialize_from_data(self.flow, images)
      self.say('Initialized from data.')
    else:
      self.say(f'Resumed from step {restored}.')


def load_run(folder: str) -> Run:
  """The run in a folder, with the weights of its newest checkpoint.

  Args:
    folder: the run's workdir.

  Returns:
    `Run` of one worker.

  Raises:
    UserError: if there is no run, or no checkpoint yet.
  """
  run = Run(workdir.read_config(folder), folder, Workers())
  if run.checkpoints.restore(run.say) is None:
    raise UserError(f'{folder} holds no checkpoint yet.')
  return run


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
  workers = Workers()
  workdir.check_config(config, folder)
  run = Run(config, folder, workers)
  for warning in run.dataset.warnings:
    run.say(warning)
  with contextlib.ExitStack() as held, Termination() as termination:

    def body():
      # Whoever is worker 0 now, an elastic run may have lost the one before.
      if workers.is_first:
        held.pop_all().close()
        held.enter_context(workdir.lock(run.folder))
      workers.check_same(workdir.facts(config))
      if workers.is_elastic:
        run.say(f'{workers.size} workers go on from step {int(run.step)}.')
      _train_steps(run, termination)

    if workers.is_first:
      held.enter_context(workdir.lock(run.folder))
    run.start()
    workers.run(body, run.variables)
    if termination.asked:
      run.say(f'Ended at step {int(run.step)}; the same command resumes.')
    elif workers.is_first:
      run.say('Evaluating, sampling and exporting ...')
      _write_results(run)


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
  first_step = int(run.step)
  images_a_step = config.batch_size
  train_step = steps.make_train_step(
    run.flow,
    run.optimizer,
    workers,
    num_bits=run.config.data.num_bits,
    clip_norm=config.clip_norm,
    compress=config.compress_gradients,
  )
  log_prob = steps.make_log_prob(run.flow)
  batches = iter(
    run.batches(config.batch_size, first_step, workers.rank, workers.size)
  )
  limit = 60 * config.max_minutes or np.inf
  writer = (
    tf.summary.create_file_writer(str(run.folder / 'tensorboard'))
    if workers.is_first
    else tf.summary.create_noop_writer()
  )
  bar = tqdm.tqdm(
    total=config.num_steps,
    initial=first_step,
    unit='step',
    disable=not workers.is_first,
    mininterval=1.0 if sys.stderr.isatty() else 5.0,
  )
  skipped_in_a_row = 0
  saved_step = first_step if first_step else -1
  started = time.monotonic() - float(run.seconds)
  logged_step, logged_time = first_step, time.monotonic()
  # A run that was ended by its time limit ended up to two steps before it.
  stop = float(run.seconds) >= 0.98 * limit
  with writer.as_default(), bar:
    step_seconds = 0.0
    while int(run.step) < config.num_steps and not stop:
      now = time.monotonic()
      out_of_time = now - started + 2 * step_seconds >= limit
      images = next(batches)
      metrics = train_step(
        images, tf.constant(out_of_time or termination.asked)
      )
      run.step.assign_add(1)
      run.examples.assign_add(images_a_step)
      step = int(run.step)
      run.seconds.assign(time.monotonic() - started)
      step_seconds = time.monotonic() - now
      stop = bool(metrics['stop'])
      bar.update()
      if bool(metrics['skipped']):
        skipped_in_a_row += 1
        run.skipped.assign_add(1)
        _check_skipped(run, skipped_in_a_row, saved_step)
      else:
        skipped_in_a_row = 0
      if step % config.commit_every == 0:
        workers.commit()
      is_last = stop or step == config.num_steps
      if not workers.is_first:
        continue
      if step % config.log_every == 0 or is_last:
        now = time.monotonic()
        speed = (step - logged_step) * images_a_step / (now - logged_time)
        logged_step, logged_time = step, now
        _write_scalars(run, metrics, speed)
        bar.set_postfix_str(
          f'{float(metrics["bits_per_dim"]):.3f} bits/dim, '
          f'{speed:.0f} images/s',
          refresh=False,
        )
      due = step % config.checkpoint_every == 0 and not skipped_in_a_row
      if due or is_last:
        # The step was finite, but what it made of the weights may not be.
        if np.all(np.isfinite(log_prob(images))):
          run.checkpoints.save(step)
          saved_step = step
        else:
          run.say(f'No checkpoint at step {step}: the loss is not finite.')
      if not termination.asked and (step % config.eval_every == 0 or is_last):
        _write_test_summaries(run, log_prob)
        logged_time = time.monotonic()
        logged_step = step
  digest = hashlib.sha256()
  for variable in run.flow.variables:
    digest.update(variable.numpy().tobytes())
  workers.check_same({f'weights at step {int(run.step)}': digest.hexdigest()})
  # Told to one worker, it is told to all.
  asked = workers.mean(tf.constant(float(termination.asked)))
  termination.asked = float(asked) > 0


def _check_skipped(run, in_a_row, saved_step):
  if in_a_row < run.config.train.max_skipped:
    return
  kept = (
    'no checkpoint had been written'
    if saved_step < 0
    else f'the checkpoint of step {saved_step} is kept'
  )
  raise UserError(
    f'{in_a_row} steps in a row, up to step {int(run.step)}, had a loss or a '
    f'gradient that is not finite; {kept}. A lower '
    'config.train.learning_rate may help.'
  )


def _write_scalars(run, metrics, images_per_second):
  step = int(run.step)
  tf.summary.scalar('train/bits_per_dim', metrics['bits_per_dim'], step)
  tf.summary.scalar('train/gradient_norm', metrics['gradient_norm'], step)
  last = run.optimizer.iterations - 1
  learning_rate = steps.learning_rates(run.config.train)(last)
  tf.summary.scalar('train/learning_rate', learning_rate, step)
  tf.summary.scalar('train/images_per_second', images_per_second, step)
  tf.summary.scalar('train/skipped_steps', run.skipped, step)


def _write_test_summaries(run, log_prob):
  """Bits/dim of part of the test images and a few samples, to TensorBoard."""
  data, settings = run.config.data, run.config.eval
  bits = evaluate.bits_per_dim(
    log_prob,
    run.dataset.test_images[: settings.num_images],
    num_bits=data.num_bits,
    draws=1,
    batch_size=settings.batch_size,
  )
  samples = evaluate.sample(
    run.flow, 16, temperature=0.7, num_bits=data.num_bits
  )
  step = int(run.step)
  tf.summary.scalar('test/bits_per_dim', np.mean(bits), step)
  tf.summary.image('samples/temperature_0.7', samples, step, max_outputs=16)


def _write_results(run):
  """Evaluates the flow, writes pictures, metrics and SavedModel, tells it."""
  folder, data, settings = run.folder, run.config.data, run.config.eval
  images = run.dataset.test_images
  bits = evaluate.bits_per_dim(
    steps.make_log_prob(run.flow),
    images,
    num_bits=data.num_bits,
    draws=settings.noise_draws,
    batch_size=settings.batch_size,
  )
  mean = float(np.mean(bits))
  error = float(np.std(bits) / np.sqrt(len(bits)))
  chosen = images[:: max(1, len(images) // 10)][:10]
  decoded, largest = evaluate.reconstruct(run.flow, chosen, data.num_bits)
  pictures.write_rows(
    folder / 'reconstructions.png',
    {'x': chosen, 'decode(encode(x))': decoded},
    f'Largest error {largest:.1e}; pixels lie {2.0**-data.num_bits:.1e} apart',
  )
  pictures.write_rows(
    folder / 'samples.png',
    {
      f'T = {temperature}': evaluate.sample(
        run.flow, 10, temperature=temperature, num_bits=data.num_bits
      )
      for temperature in _TEMPERATURES
    },
    f'Samples at temperatures T after {int(run.step)} steps',
  )
  tfp_cinc.export_saved_model(
    run.flow,
    folder / 'saved_model',
    run.dataset.image_shape,
    data.num_bits,
  )
  seconds, step = float(run.seconds), int(run.step)
  workdir.write_json(
    folder / 'metrics.json',
    {
      'data': run.dataset.name,
      'step': step,
      'test_bits_per_dim': mean,
      'test_bits_per_dim_standard_error': error,
      'test_images': len(images),
      'noise_draws': settings.noise_draws,
      'largest_reconstruction_error': largest,
      'training_seconds': seconds,
      'images_per_second': step
      * run.config.train.batch_size
      / max(seconds, 1e-9),
      'workers': run.workers.size,
      'skipped_steps': int(run.skipped),
      'parameters': sum(
        int(np.prod(variable.shape))
        for variable in run.flow.trainable_variables
      ),
    },
  )
  run.say(
    f"""
Test bits/dim {mean:.4f} +- {error:.4f} (standard error over {len(images)} \
images of {run.dataset.name}) after {step} steps in {seconds / 60:.1f} minutes
Largest reconstruction error: {largest:.1e}
In {folder}: samples.png, reconstructions.png, metrics.json, config.json,
  saved_model/ (needs TensorFlow alone), checkpoints/, tensorboard/
Next:
  tensorboard --logdir {folder}/tensorboard
  python -m training sample --workdir {folder} --number 64 --temperature 0.7
  python -m training evaluate --workdir {folder} --noise_draws 32"""
  )
