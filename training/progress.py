"""How far a run is: a bar at a terminal, plain lines in a log file."""

import math
import sys
import time

import tqdm

__all__ = ['Progress', 'duration']


def duration(seconds: float) -> str:
  """Seconds as '0:07', '12:30', '3:04:05' or '2 days 3:04:05'."""
  minutes, seconds = divmod(int(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  days, hours = divmod(hours, 24)
  text = f'{minutes}:{seconds:02}'
  if days or hours:
    text = f'{hours}:{minutes:02}:{seconds:02}'
  return f'{days} day{"s" if days > 1 else ""} {text}' if days else text


class Progress:
  """Shows the steps of a run, by worker 0 alone, on standard error.

  At a terminal it is a bar of tqdm. Elsewhere a line for each `update` that has
  metrics, such as

    step 200/2000 (10%), 3.512 bits/dim, 128 images/s, 12:30 left

  which can be read in the log file of a batch system.

    with Progress(total=2000, initial=100, is_first=True) as bar:
      for step in range(101, 2001):
        bar.update(step)
  """

  def __init__(
    self,
    total: int,
    initial: int = 0,
    is_first: bool = True,
    seconds_left: float = math.inf,
    stream=None,
  ):
    """Starts the clock.

    Args:
      total: the last step.
      initial: the step that the run is at.
      is_first: whether to show anything.
      seconds_left: until the run ends by its time limit, whatever its steps.
      stream: where to write; standard error where it is None.
    """
    self._stream = sys.stderr if stream is None else stream
    self._total, self._initial, self._step = total, initial, initial
    self._started = time.monotonic()
    self._deadline = self._started + seconds_left
    self._shown = is_first
    self._bar = None
    if is_first and self._stream.isatty():
      self._bar = tqdm.tqdm(
        total=total, initial=initial, unit='step', file=self._stream
      )

  def __enter__(self):
    return self

  def __exit__(self, *error):
    if self._bar is not None:
      self._bar.close()

  def seconds_left(self) -> float | None:
    """Seconds to the end of the run, None before the first step.

    By the speed of all steps since the start, evaluations and checkpoints
    included; no more than the run's time limit.
    """
    done = self._step - self._initial
    if done <= 0:
      return None
    now = time.monotonic()
    by_steps = (self._total - self._step) * (now - self._started) / done
    return max(0.0, min(by_steps, self._deadline - now))

  def update(
    self,
    step: int,
    metrics: dict | None = None,
    images_per_second: float | None = None,
  ) -> None:
    """Takes note of a step, and shows it.

    Args:
      step: the step that is done; less than before where a run went back to a
        commit.
      metrics: where there is something to log, a dict with 'bits_per_dim'.
      images_per_second: of all workers.
    """
    if step < self._step:  # the speed is of the steps that are kept
      self._initial, self._started = step, time.monotonic()
    if self._bar is not None:
      self._bar.update(step - self._step)
    self._step = step
    if metrics is None or not self._shown:
      return
    words = [f'{float(metrics["bits_per_dim"]):.3f} bits/dim']
    if images_per_second is not None:
      words.append(f'{images_per_second:.0f} images/s')
    if self._bar is not None:
      self._bar.set_postfix_str(', '.join(words), refresh=False)
      return
    left = self.seconds_left()
    if left is not None and step < self._total:
      words.append(f'{duration(left)} left')
    share = 100 * step // self._total
    print(
      f'step {step}/{self._total} ({share}%)',
      *words,
      sep=', ',
      file=self._stream,
      flush=True,
    )
