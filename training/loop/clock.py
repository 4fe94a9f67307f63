"""The time of a run: its limit, and the speed of its steps."""

import math
import time

import tensorflow as tf

__all__ = ['Clock']


class Clock:
  """Measures the training time of a run over all of its sessions.

  clock = Clock(seconds, limit=300)
  while not clock.is_ending:
    clock.start_step()
    ...
    clock.end_step(num_images)
  """

  def __init__(self, seconds: tf.Variable, limit: float = math.inf):
    """Starts the clock.

    Args:
      seconds: float64 Variable, the training time so far. `end_step` sets it.
      limit: Limit of the training time in seconds.
    """
    self._seconds, self._limit = seconds, limit
    self._started = time.monotonic() - float(seconds)
    self._step_started = self._step_seconds = 0.0
    self._images, self._images_seconds = 0, 0.0

  @property
  def is_ending(self) -> bool:
    """Whether there is no time for two more steps."""
    elapsed = time.monotonic() - self._started
    return elapsed + 2 * self._step_seconds >= self._limit

  @property
  def seconds_left(self) -> float:
    """Seconds to the limit."""
    return self._limit - (time.monotonic() - self._started)

  def start_step(self) -> None:
    """Starts to measure a step."""
    self._step_started = time.monotonic()

  def end_step(self, num_images: int) -> None:
    """Ends a step.

    Args:
      num_images: Images of the step, over all workers.
    """
    now = time.monotonic()
    self._step_seconds = now - self._step_started
    self._seconds.assign(now - self._started)
    self._images += num_images
    self._images_seconds += self._step_seconds

  def images_per_second(self) -> float:
    """Returns the speed of the steps since the last call.

    Evaluations and checkpoints between the steps do not count.
    """
    speed = self._images / max(self._images_seconds, 1e-9)
    self._images, self._images_seconds = 0, 0.0
    return speed
