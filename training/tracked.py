"""How far a command is: a bar at a terminal, plain lines in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator

import tqdm

from training.progress import duration

__all__ = ['tracked']

_PERIOD = 10.0  # seconds between two plain lines


def tracked(
  parts: Iterable,
  total: int,
  what: str,
  size=lambda part: 1,
  stream=None,
) -> Iterator:
  """The parts of a long task as they come, shown on standard error.

  At a terminal it is a bar of tqdm. Elsewhere a line every ten seconds, such as

    scored 1280/5000 images (25%), 2:05 left

  Args:
    parts: what is worked on, one after the other.
    total: how many units all parts have.
    what: of the units that are done, as 'scored {} images'.
    size: how many units a part has.
    stream: where to write; standard error where it is None.

  Yields:
    Each of `parts`.
  """
  stream = sys.stderr if stream is None else stream
  done, started = 0, time.monotonic()
  said = started
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
      if bar.disable and now - said >= _PERIOD and done < total:
        said = now
        left = (total - done) * (now - started) / done
        print(
          f'{what.format(f"{done}/{total}")} ({100 * done // total}%), '
          f'{duration(left)} left',
          file=stream,
          flush=True,
        )
