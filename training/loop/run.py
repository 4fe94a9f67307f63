"""A training run: configuration, data, workers, state and folder."""

import pathlib
import sys

import tensorflow as tf
import tqdm

from ..data.batches import configured_batches, next_batch
from ..data.condition import find_condition, held_out_conditions
from ..data.load import load_dataset
from ..run_folder import status
from ..run_folder.checkpoints import Checkpoints
from ..run_folder.config_file import check_config, write_config
from .conditional.density import initialize
from .initial_weights import assign_initial_weights
from .model import build_model
from .optimization.learning_rate import (
  CurrentSchedule,
  batch_rule,
  learning_rate_schedule,
)
from .train_state import TrainState
from .workers import Workers

__all__ = ['Run']


class Run:
  """A training run.

  All randomness follows from the seed, the step and the position in the data,
  which are in the checkpoints.

  Attributes:
    config: The whole configuration.
    folder: The folder of the run.
    workers: `Workers`.
    dataset: `Dataset`.
    model: `Model`, the weights.
    state: `TrainState`, with the model, the optimizer and the counters.
    checkpoints: `Checkpoints` of the state.
    has_ended: Whether worker 0 found that the run is complete, by its number of
      steps or its time limit, and `start` changed neither.
  """

  def __init__(self, config, folder, workers: Workers):
    """Builds everything from the configuration; writes nothing.

    Args:
      config: The whole configuration.
      folder: The folder of the run, which need not exist.
      workers: `Workers`.

    Raises:
      UserError: If the configuration is invalid or the data are missing.
    """
    self.config = config
    self.folder = pathlib.Path(folder)
    self.workers = workers
    self.dataset = load_dataset(config.data)
    self.model = build_model(
      config,
      self.dataset.image_shape,
      find_condition(config, self.dataset),
    )
    self.state = TrainState(
      config, self.model, CurrentSchedule(self.learning_rates), workers.size
    )
    # The schedule depends on the state, which holds the optimizer; an error in
    # it is raised here, not when a step is traced.
    self.learning_rates()
    self.has_ended = False
    self.checkpoints = Checkpoints(
      self.folder / 'checkpoints',
      config.train.keep_checkpoints,
      say=self.note,
      **self.state.objects,
    )

  def say(self, sentence: str) -> None:
    """Prints a sentence on worker 0."""
    if self.workers.is_first:
      tqdm.tqdm.write(sentence, file=sys.stdout)
      sys.stdout.flush()

  def note(self, sentence: str) -> None:
    """Prints a sentence on worker 0 and keeps it for the `status` command."""
    self.say(sentence)
    if self.workers.is_first:
      status.add_note(self.folder, sentence)

  def global_batch(self) -> int:
    """Returns the images of a step over all present workers."""
    return sum(self._batch_rule(self.workers.size)[0])

  def learning_rates(self):
    """Returns the learning rate schedule for the present workers."""
    _, factor = self._batch_rule(self.workers.size)
    return learning_rate_schedule(
      self.config.train, self._steps_per_epoch(), factor
    )

  def batches(self, batch_size: int | None = None) -> tf.data.Dataset:
    """Returns the batches of this worker from the position of the run on.

    Args:
      batch_size: Images per batch, if this worker is to read all images. None
        reads the share of this worker of `global_batch`.

    Returns:
      `tf.data.Dataset`.
    """
    share = batch_size is None
    return configured_batches(
      self.config,
      self.dataset,
      self.global_batch() if share else batch_size,
      first_position=int(self.state.examples),
      rank=self.workers.rank if share else 0,
      size=self.workers.size if share else 1,
    )

  def held_out_conditions(self):
    """Returns the conditions of the test images, see `held_out_conditions`."""
    data = self.dataset
    return held_out_conditions(
      self.model.condition, data.test_images, data.test_labels
    )

  def start(self) -> None:
    """Restores the newest checkpoint or initializes the flow, on worker 0.

    Raises:
      UserError: If the folder holds a run of another configuration, no
        checkpoint can be read, or the initial weights are of another flow.
    """
    if not self.workers.is_first:
      return
    data = self.dataset.facts.to_json()
    changes = check_config(self.config, self.folder, data)
    write_config(self.config, self.folder, data)
    restored = self.checkpoints.restore()
    if restored is None:
      status.forget(self.folder)
      self._initialize()
    else:
      self.note(f'Resumed from step {restored}.')
      # The last process may have been killed while it wrote the results.
      status.set_activity(self.folder, 'training')
      content = status.read_status(self.folder)
      self.has_ended = (
        bool(content.get('ended'))
        and content.get('step') == restored
        and not {'train.num_steps', 'train.max_minutes'} & set(changes)
      )
    if changes:
      self.note(f'Resumed with {", ".join(changes.values())}.')

  def _initialize(self):
    config, model = self.config.train, self.model
    if config.initial_weights:
      assign_initial_weights(model, self.config)
      self.note(f'Started from the weights of {config.initial_weights}.')
      return
    batch = next_batch(iter(self.batches(config.init_images)))
    initialize(model.flow, batch, model.noise_scale)
    self.say('Initialized from data.')

  def _steps_per_epoch(self):
    """Returns None if the data set has no epochs."""
    if self.dataset.num_train is None:
      return None
    shares, _ = self._batch_rule(int(self.state.first_size))
    return self.dataset.num_train / sum(shares)

  def _batch_rule(self, size):
    return batch_rule(self.config.train, size, int(self.state.first_size))
