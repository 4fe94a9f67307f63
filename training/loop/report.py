"""What worker 0 reports during the training, and the checkpoints it writes."""

import numpy as np
import tensorflow as tf

from ..progress import Progress
from ..run_folder import status
from . import tensorboard
from .clock import Clock
from .conditional.classification import classify
from .conditional.density import given
from .evaluation import make_log_prob
from .run import Run

__all__ = ['Report']

_FEW = 8  # test images whose layers are described


class Report:
  """Reports on the terminal, to TensorBoard and in status.json.

  On workers other than the first nothing is written.
  """

  def __init__(self, run: Run, clock: Clock):
    """Prepares the report of a session of a run.

    Args:
      run: The run.
      clock: Its clock.
    """
    self._run, self._clock = run, clock
    self._log_prob = make_log_prob(
      run.model.density, run.workers.parallel, run.model.condition
    )
    is_first = run.workers.is_first
    self._progress = Progress(
      run.config.train.num_steps,
      int(run.state.step),
      is_first,
      clock.seconds_left,
    )
    self._writer = (
      tf.summary.create_file_writer(str(run.folder / 'tensorboard'))
      if is_first
      else tf.summary.create_noop_writer()
    )

  def __enter__(self):
    self._progress.__enter__()
    return self

  def __exit__(self, *error):
    self._progress.__exit__(*error)
    self._writer.close()

  def show(self, step: int) -> None:
    """Shows the number of completed steps."""
    self._progress.update(step)

  def log(self, metrics: dict, test_bits: float | None) -> None:
    """Logs a training step.

    Args:
      metrics: The metrics of the step, see `make_train_step`.
      test_bits: Test bits/dim, if they were computed after this step.
    """
    run, state = self._run, self._run.state
    step, skipped = int(state.step), int(state.skipped)
    images_per_second = self._clock.images_per_second()
    self._progress.update(step, metrics, images_per_second)
    optimizer = state.optimizer
    with self._writer.as_default():
      tensorboard.write_train(
        step,
        metrics,
        learning_rate=optimizer.learning_rate(optimizer.iterations - 1),
        images_per_second=images_per_second,
        skipped_steps=skipped,
        workers=run.workers.size,
      )
    status.write_status(
      run.folder,
      step=step,
      num_steps=run.config.train.num_steps,
      bits_per_dim=float(metrics['bits_per_dim']),
      images_per_second=images_per_second,
      seconds_left=self._progress.seconds_left(),
      skipped_steps=skipped,
      workers=run.workers.size,
      test_bits_per_dim=test_bits,
    )

  def evaluate(self) -> float:
    """Evaluates test images, samples and layers for TensorBoard.

    Returns:
      Test bits/dim with the averaged weights.
    """
    run, model = self._run, self._run.model
    num_bits, settings = run.config.data.num_bits, run.config.eval
    images = run.dataset.test_images[: settings.num_images]
    conditions = run.held_out_conditions()
    step = int(run.state.step)

    def log_prob_of_average(values):
      with model.average.applied():
        return self._log_prob(values)

    with self._writer.as_default():
      bits = tensorboard.write_test(
        step,
        {'raw': self._log_prob, 'average': log_prob_of_average},
        images,
        num_bits=num_bits,
        batch_size=settings.batch_size,
        conditions=conditions,
      )
      density, few = model.density, images[:_FEW]
      with model.average.applied():
        if conditions is None:
          tensorboard.write_samples(
            step, model.flow, num_bits, noise_scale=model.noise_scale
          )
        else:
          tensorboard.write_sample_rows(
            step,
            model.flow,
            model.condition,
            images,
            conditions,
            num_bits,
            model.noise_scale,
          )
          density = given(density, conditions(slice(len(few))))
        # At the cost of the evaluation above, in the time of the training.
        found = classify(run, self._log_prob, cost=settings.num_images)
        if found is not None:
          tf.summary.scalar('test/accuracy', found.accuracy, step)
        tensorboard.write_layers(step, density, few, num_bits)
    return bits['average']

  def save_checkpoint(self, batch, test_bits: float | None) -> None:
    """Saves a checkpoint, unless the weights have become useless.

    Args:
      batch: The batch of the last step. The densities of its images with the
        new weights may not be finite although the loss was.
      test_bits: Test bits/dim, if known.
    """
    run, step = self._run, int(self._run.state.step)
    if np.all(np.isfinite(self._log_prob(batch))):
      run.checkpoints.save(step, test_bits)
    else:
      run.note(f'No checkpoint at step {step}: the loss is not finite.')
