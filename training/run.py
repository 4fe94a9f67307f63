"""What a training run consists of, and what its checkpoints hold."""

import pathlib
import sys

import tensorflow as tf
import tqdm

import tfp_cinc
from training import datasets, status, steps, workdir
from training.averaging import WeightAverage
from training.checkpoints import Checkpoints
from training.distributed import Workers
from training.errors import UserError
from training.flow_with_noise import build_density
from training.optimization import batch_rule, build_optimizer, learning_rates

__all__ = ['Run', 'load_run']


class Run:
  """The flow, its optimizer, where the run is, and its folder.

  Everything that is random follows from the seed, the step and the position in
  the data, which are in the checkpoints.

  Attributes:
    config: the whole configuration.
    folder: the workdir.
    workers: `Workers`.
    dataset: `datasets.Dataset`.
    flow: the distribution.
    density: what is trained: the flow, or a `FlowWithNoise` of it.
    optimizer: with its slots created.
    average: `WeightAverage` of the weights.
    step: int64 Variable, how many steps are done.
    examples: int64 Variable, the position in the data: images used so far.
    skipped: int64 Variable, steps that were not finite.
    seconds: float64 Variable, of training so far.
    first_size: int64 Variable, the number of workers that it started with.
    checkpoints: `Checkpoints` of all these.
  """

  def __init__(self, config, folder: str, workers: Workers):
    """Builds all from the configuration; nothing is read or written yet."""
    self.config = config
    self.folder = pathlib.Path(folder)
    self.workers = workers
    tf.random.set_seed(config.seed)
    self.dataset = datasets.load(config.data)
    self.flow = steps.build_flow(config, self.dataset.image_shape)
    self.density = build_density(config, self.flow)
    learned = {}
    if self.density is not self.flow:
      learned['noise'] = self.density.noise
    weights = list(self.density.trainable_variables)

    def count(value):
      return tf.Variable(value, trainable=False, dtype=tf.int64)

    self.step, self.examples, self.skipped = count(0), count(0), count(0)
    self.first_size = count(workers.size)
    self.seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
    self.optimizer = build_optimizer(
      config.train, self.density, self._steps_per_epoch()
    )
    self.average = WeightAverage(weights, config.train.ema_decay)
    self.checkpoints = Checkpoints(
      self.folder / 'checkpoints',
      config.train.keep_checkpoints,
      say=self.note,
      flow=self.flow,
      **learned,
      optimizer=self.optimizer,
      average=self.average,
      step=self.step,
      examples=self.examples,
      skipped=self.skipped,
      seconds=self.seconds,
      first_size=self.first_size,
      seed=count(config.seed),
    )

  def say(self, sentence: str) -> None:
    """Prints on worker 0."""
    if self.workers.is_first:
      tqdm.tqdm.write(sentence, file=sys.stdout)
      sys.stdout.flush()

  def note(self, sentence: str) -> None:
    """Prints on worker 0, and keeps it for the `status` command."""
    self.say(sentence)
    if self.workers.is_first:
      status.add_note(self.folder, sentence)

  def variables(self) -> list[tf.Variable]:
    """All that the workers share."""
    return [
      *self.density.variables,
      *self.optimizer.variables(),
      *self.average.variables,
      self.step,
      self.examples,
      self.skipped,
      self.seconds,
      self.first_size,
    ]

  def global_batch(self) -> int:
    """The images of a step over all the workers that there are now."""
    return sum(self._batch_rule(self.workers.size)[0])

  def learning_rates(self):
    """The learning rate by step, with the workers that there are now."""
    _, factor = self._batch_rule(self.workers.size)
    return learning_rates(self.config.train, self._steps_per_epoch(), factor)

  def _steps_per_epoch(self):
    """With the workers that it started with; None where there are no epochs."""
    if self.dataset.num_train is None:
      return None
    shares, _ = self._batch_rule(int(self.first_size))
    return self.dataset.num_train / sum(shares)

  def _batch_rule(self, size):
    return batch_rule(self.config.train, size, int(self.first_size))

  def batches(self, batch_size: int | None = None) -> tf.data.Dataset:
    """This worker's batches from the run's position on.

    Args:
      batch_size: how many images a step, of this worker alone; None for its
        share of `global_batch`.

    Returns:
      `tf.data.Dataset`.
    """
    alone = batch_size is not None
    return datasets.configured_batches(
      self.config,
      self.dataset,
      batch_size if alone else self.global_batch(),
      first_position=int(self.examples),
      rank=0 if alone else self.workers.rank,
      size=1 if alone else self.workers.size,
    )

  def start(self) -> None:
    """Restores or initializes, on worker 0."""
    if not self.workers.is_first:
      return
    workdir.write_config(self.config, self.folder)
    restored = self.checkpoints.restore(self.note)
    if restored is None:
      status.forget(self.folder)
      images = datasets.next_batch(
        iter(self.batches(self.config.train.init_images))
      )
      tfp_cinc.initialize_from_data(self.flow, images)
      self.say('Initialized from data.')
    else:
      self.note(f'Resumed from step {restored}.')


def load_run(folder: str, say=None, checkpoint: str = 'newest') -> Run:
  """The run in a folder, with the weights of one of its checkpoints.

  Args:
    folder: the run's workdir.
    say: called with a sentence for each checkpoint that is not whole; None to
      print it.
    checkpoint: 'newest', or 'best': of the lowest test bits/dim.

  Returns:
    `Run` of one worker.

  Raises:
    UserError: if there is no run, no such checkpoint yet, or its data are not
      where they were.
  """
  config = workdir.read_config(folder)
  try:
    run = Run(config, folder, Workers())
  except UserError as error:
    model = pathlib.Path(folder, 'saved_model')
    if not model.exists():
      raise
    raise UserError(f'{error} The exported {model} needs no data.') from None
  restore = {
    'newest': run.checkpoints.restore,
    'best': run.checkpoints.restore_best,
  }[checkpoint]
  if restore(say or run.say) is None:
    which = ' whose test bits/dim are known' if checkpoint == 'best' else ''
    raise UserError(f'{folder} holds no checkpoint{which} yet.')
  return run
