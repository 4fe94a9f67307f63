"""Progress of long tasks: a bar at a terminal, plain lines in a log file."""

import math
import sys
import time
from collections.abc import Iterable, Iterator

import tqdm

__all__ = ['Progress', 'duration', 'tracked']

_FIRST = 2.0  # seconds before the first plain line
_PERIOD = 10.0  # seconds between two plain lines


def duration(seconds: float) -> str:
  """Formats seconds as '0:07', '12:30', '3:04:05' or '2 days 3:04:05'."""
  minutes, seconds = divmod(int(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  days, hours = divmod(hours, 24)
  text = f'{minutes}:{seconds:02}'
  if days or hours:
    text = f'{hours}:{minutes:02}:{seconds:02}'
  return f'{days} day{"s" if days > 1 else ""} {text}' if days else text


class Progress:
  """Shows the steps of a run on standard error, on worker 0 only.

  At a terminal this is a tqdm bar. Otherwise each `update` with metrics prints
  a line that is readable in the log file of a batch system:

    step 200/2000 (10%), 3.512 bits/dim, 128 images/s, 12:30 left

  Example:

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
      total: Number of steps of the run.
      initial: Number of steps that are done.
      is_first: Whether this is worker 0; others show nothing.
      seconds_left: Seconds until the run reaches its time limit.
      stream: File to write to. None is standard error.
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
    """Returns the seconds to the end of the run, None before the first step.

    The estimate uses the mean time of all steps since the start, including
    evaluations and checkpoints. It does not exceed the time limit of the run.
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
    """Updates the number of steps that are done, and shows it.

    Args:
      step: Number of steps that are done. It is less than before if the run
        returned to a commit.
      metrics: Dict with 'bits_per_dim', if there is something to log.
      images_per_second: Training speed of all workers.
    """
    if step < self._step:  # discarded steps do not count for the speed
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


def tracked(
  parts: Iterable,
  total: int,
  what: str,
  size=lambda part: 1,
  stream=None,
) -> Iterator:
  """Yields the parts of a long task and shows the progress on standard error.

  At a terminal this is a tqdm bar. Otherwise a line is printed after two
  seconds and then every ten seconds:

    scored 1280/5000 images (25%), 2:05 left

  Args:
    parts: Parts of the task.
    total: Number of units of all parts.
    what: Text for the number of units that are done: 'scored {} images'.
    size: Function that returns the number of units of a part.
    stream: File to write to. None is standard error.

  Yields:
    Each part.
  """
  stream = sys.stderr if stream is None else stream
  done, started = 0, time.monotonic()
  due = started + _FIRST
  unit = what.split()[-1]
  with tqdm.tqdm(
    total=total,
    desc=what.split('{}')[0].strip(),
    unit=unit,
    file=stream,
    disable=not stream.isatty(),
    leave=False,
  ) as bar:
    for part in parts:
      yield part
      done += size(part)
      bar.update(size(part))
      now = time.monotonic()
      if bar.disable and now >= due and done < total:
        due = now + _PERIOD
        left = (total - done) * (now - started) / done
        print(
          f'{what.format(f"{done}/{total}")} ({100 * done // total}%), '
          f'{duration(left)} left',
          file=stream,
          flush=True,
        )
