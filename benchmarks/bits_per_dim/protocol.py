"""Conditions under which models are trained and compared."""

import dataclasses

from benchmarks.bits_per_dim.data_set import PHOTOS, DataSet

__all__ = ['Conditions', 'Protocol']

_LARGE = 1000  # test images from which on two noise draws of each are enough
_RATE_STEPS = 5  # least number of steps that are timed


@dataclasses.dataclass(frozen=True)
class Conditions:
  """Everything a run's result depends on, except the model, seed and rate.

  Attributes:
    data: The data set.
    steps: Number of training steps, or 0 to train nothing. For 'step_time', the
      minimum number of steps to time.
    evaluate: What to measure: the bits/dim of 'test' images; those of
      'validation' images, which are held out from the training images; or the
      'step_time'.
    batch_size: Number of images per step.
    noise_draws: Number of draws of the dequantization noise per image in the
      final evaluation. Evaluations during training use one.
    curve_points: Number of evaluations during training.
    max_images: Number of images to evaluate on, or 0 for all.
    samples: Number of images to draw and time at the end, or 0 for none.
    machine: Kind of machine if a step time is measured; otherwise ''.
  """

  data: DataSet = PHOTOS
  steps: int = 0
  evaluate: str = 'test'
  batch_size: int = 64
  noise_draws: int = 8
  curve_points: int = 10
  max_images: int = 0
  samples: int = 0
  machine: str = ''

  def facts(self) -> dict:
    """Returns the values as a dict that can be written as JSON."""
    return {**dataclasses.asdict(self), 'data': self.data.facts()}

  def on(self, data: DataSet) -> 'Conditions':
    """Returns the conditions on another data set, with fewer draws if large."""
    draws = min(2, self.noise_draws)
    if data.num_test < _LARGE:
      draws = self.noise_draws
    return dataclasses.replace(self, data=data, noise_draws=draws)

  def __str__(self):
    return f'{self.steps} steps' if self.steps else 'no training'


@dataclasses.dataclass(frozen=True)
class Protocol:
  """The amount of training, the pilots and the seeds of a comparison.

  A number of seconds is converted into steps by the step time of the model,
  which is measured while nothing else runs. The runs themselves are not timed.
  Other jobs may run at the same time, and a repeated run takes as many steps.

  Attributes:
    conditions: Conditions of the runs, except for the number of steps.
    seconds: Seconds of training of each run, or 0 if `steps` is given.
    steps: Number of training steps of each run. If `seconds` and `steps` are
      both 0, nothing is trained.
    pilot_seconds: Seconds of training of a pilot. Each model has a pilot for
      each of its learning rates and uses the one with the lowest validation
      bits/dim. Models with one learning rate have none.
    pilot_steps: Number of training steps of a pilot. Unless it is 0, it
      replaces `pilot_seconds`.
    seeds: Number of runs per model, with the seeds 0, 1, ...
    rate_rounds: Number of measurements of each model's step time. The smallest
      counts, because other load on the machine only makes steps slower.
    machine: Kind of machine, see `report.machine`, whose step times are used.
  """

  conditions: Conditions = Conditions()
  seconds: float = 0.0
  steps: int = 0
  pilot_seconds: float = 60.0
  pilot_steps: int = 0
  seeds: int = 3
  rate_rounds: int = 2
  machine: str = ''

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

  @property
  def amount(self) -> str:
    """The amount of training of a run, such as '300 s'."""
    return _amount(self.seconds, self.steps)

  @property
  def pilot_amount(self) -> str:
    """The amount of training of a pilot."""
    return _amount(self.pilot_seconds, self.pilot_steps)

  @property
  def rate(self) -> Conditions:
    """Conditions of the measurements of step times."""
    return dataclasses.replace(
      self._without_extras,
      steps=_RATE_STEPS,
      evaluate='step_time',
      noise_draws=0,
      max_images=0,
      machine=self.machine,
    )

  def pilot(self, step_seconds: float) -> Conditions:
    """Returns the conditions of a model's pilots.

    Args:
      step_seconds: Step time of the model.

    Returns:
      `Conditions`.
    """
    return dataclasses.replace(
      self._without_extras,
      steps=self.pilot_steps or _steps(self.pilot_seconds, step_seconds),
      evaluate='validation',
      noise_draws=1,
    )

  def run(self, step_seconds: float | None) -> Conditions:
    """Returns the conditions of a model's runs.

    Args:
      step_seconds: Step time of the model; None if nothing is trained.

    Returns:
      `Conditions`.
    """
    if not self.trains:
      return self.conditions
    steps = self.steps or _steps(self.seconds, step_seconds)
    return dataclasses.replace(self.conditions, steps=steps)

  @property
  def _without_extras(self):
    return dataclasses.replace(self.conditions, curve_points=0, samples=0)


def _steps(seconds, step_seconds):
  return max(1, round(seconds / step_seconds))


def _amount(seconds, steps):
  if steps:
    return f'{steps} steps'
  return f'{seconds:g} s' if seconds else 'no training'
