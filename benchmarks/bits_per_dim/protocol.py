"""Conditions under which models are trained and compared."""

import dataclasses

__all__ = ['Conditions', 'Protocol']


@dataclasses.dataclass(frozen=True)
class Conditions:
  """Everything a run's result depends on, except the model, seed and rate.

  Attributes:
    data: 'photos', 'digits', or the name of a prepared TensorFlow data set.
    data_dir: Folder of the prepared data set.
    seconds: Training time of each model, or 0 if `steps` is given.
    steps: Number of training steps of each model. If `seconds` and `steps` are
      both 0, nothing is trained.
    evaluate: Images to evaluate on: 'test', or 'validation', which are held out
      from the training images.
    batch_size: Number of images per step.
    noise_draws: Number of draws of the dequantization noise per image in the
      final evaluation. Evaluations during training use one.
    curve_points: Number of evaluations during training.
    max_images: Number of images to evaluate on, or 0 for all.
    samples: Number of images to draw and time at the end, or 0 for none.
  """

  data: str = 'photos'
  data_dir: str = ''
  seconds: float = 0.0
  steps: int = 0
  evaluate: str = 'test'
  batch_size: int = 64
  noise_draws: int = 8
  curve_points: int = 10
  max_images: int = 0
  samples: int = 0

  def __post_init__(self):
    if self.seconds and self.steps:
      raise ValueError(
        f'`seconds` is {self.seconds:g} and `steps` is {self.steps}; one of '
        'them must be 0.'
      )
    if min(self.seconds, self.steps) < 0:
      raise ValueError(
        f'`seconds` is {self.seconds:g} and `steps` is {self.steps}; neither '
        'may be negative.'
      )

  @property
  def trains(self) -> bool:
    """Whether models are trained."""
    return bool(self.seconds or self.steps)

  def progress(self, seconds: float, step: int) -> float:
    """Returns the completed fraction of the training, which ends at 1."""
    if self.seconds:
      return seconds / self.seconds
    return step / self.steps if self.steps else 1.0

  def __str__(self):
    if self.seconds:
      return f'{self.seconds:g} s'
    return f'{self.steps} steps' if self.steps else 'no training'


@dataclasses.dataclass(frozen=True)
class Protocol:
  """Conditions, pilots and seeds of a comparison.

  Attributes:
    conditions: Conditions of the runs.
    pilot_seconds: Training time of a pilot. Each model has a pilot for each of
      its learning rates and uses the one with the lowest validation bits/dim.
    pilot_steps: Number of training steps of a pilot. Unless it is 0, it
      replaces `pilot_seconds`.
    seeds: Number of runs per model, with the seeds 0, 1, ...
  """

  conditions: Conditions = Conditions(seconds=300.0)
  pilot_seconds: float = 60.0
  pilot_steps: int = 0
  seeds: int = 3

  @property
  def pilot(self) -> Conditions:
    """Conditions of the pilots."""
    return dataclasses.replace(
      self.conditions,
      seconds=0.0 if self.pilot_steps else self.pilot_seconds,
      steps=self.pilot_steps,
      evaluate='validation',
      noise_draws=1,
      curve_points=0,
      samples=0,
    )
