"""Timing of alternatives in turn, so that a machine's drift hits all alike."""

import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable

__all__ = ['machine', 'medians', 'write_json']


def medians(
  functions: dict[str, Callable[[], object]], rounds: int = 31
) -> dict[str, float]:
  """The median seconds of each function, called one after the other.

  Args:
    functions: name -> function without arguments. Each is called twice first.
    rounds: how often each is timed, at least 5.

  Returns:
    name -> seconds.
  """
  for function in functions.values():
    function()
    function()
  times = {name: [] for name in functions}
  for _ in range(rounds):
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      times[name].append(time.perf_counter() - start)
  return {name: statistics.median(values) for name, values in times.items()}


def machine() -> str:
  """The kind of the machine, in words."""
  cores = len(os.sched_getaffinity(0))
  return f'{cores} CPU cores, {platform.machine()}, {platform.system()}'


def write_json(path, rows) -> None:
  """Writes a benchmark's rows with the machine and the date."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  value = {
    'machine': machine(),
    'date': time.strftime('%Y-%m-%d'),
    'rows': rows,
  }
  path.write_text(json.dumps(value, indent=2) + '\n')
