"""Under which conditions models are trained and compared."""

import dataclasses

__all__ = ['Conditions', 'Protocol']


@dataclasses.dataclass(frozen=True)
class Conditions:
  """What the result of a run depends on, beside the model and the seed.

  Attributes:
    data: 'photos', 'digits', or a data set that TensorFlow Datasets prepared.
    data_dir: of a prepared data set.
    seconds: of training, for each model as many; 0 where `steps` says it.
    steps: of training, for each model as many. Without seconds and steps
      nothing is trained.
    evaluate: the images to evaluate on: 'test', or 'validation', which are cut
      from the training images and then not trained on.
    batch_size: images a step.
    noise_draws: of dequantization for each image, at the end; along the way
      there is one.
    curve_points: how often to evaluate along the way.
    max_images: the first so many images are evaluated; 0 for all.
    samples: how many images to draw, timed, at the end; 0 for none.
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
        f'`seconds` is {self.seconds:g} and `steps` {self.steps}; one of them '
        'must be 0.'
      )
    if min(self.seconds, self.steps) < 0:
      raise ValueError(
        f'`seconds` is {self.seconds:g} and `steps` {self.steps}; neither may '
        'be less than 0.'
      )

  @property
  def trains(self) -> bool:
    """Whether anything is trained."""
    return bool(self.seconds or self.steps)

  def progress(self, seconds: float, step: int) -> float:
    """Which part of the training is done, from 0 on; at 1 it ends."""
    if self.seconds:
      return seconds / self.seconds
    return step / self.steps if self.steps else 1.0

  def __str__(self):
    if self.seconds:
      return f'{self.seconds:g} s'
    return f'{self.steps} steps' if self.steps else 'no training'


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How a comparison goes.

  Attributes:
    conditions: of its runs.
    pilot_seconds: of training in a pilot. Each model has one for each of its
      learning rates; the rate of the lowest validation bits/dim is its own.
    pilot_steps: of a pilot, in place of `pilot_seconds` where it is not 0.
    seeds: how many runs each model has, of the seeds 0, 1, ...
  """

  conditions: Conditions = Conditions(seconds=300.0)
  pilot_seconds: float = 60.0
  pilot_steps: int = 0
  seeds: int = 3

  @property
  def pilot(self) -> Conditions:
    """The conditions of the pilots."""
    return dataclasses.replace(
      self.conditions,
      seconds=0.0 if self.pilot_steps else self.pilot_seconds,
      steps=self.pilot_steps,
      evaluate='validation',
      noise_draws=1,
      curve_points=0,
      samples=0,
    )
