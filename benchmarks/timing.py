"""Timing of alternatives in turn, so that a machine's drift hits all alike."""

import concurrent.futures
import multiprocessing
import statistics
import time
from collections.abc import Callable

__all__ = ['in_new_process', 'medians', 'ratios']


def medians(
  functions: dict[str, Callable[[], object]], rounds: int, warmups: int = 2
) -> dict[str, float]:
  """The median seconds of each function, called one after the other.

  Args:
    functions: name -> function without arguments.
    rounds: how often each is timed, at least 5.
    warmups: how often each is called before.

  Returns:
    name -> seconds.
  """
  for function in functions.values():
    for _ in range(warmups):
      function()
  times = {name: [] for name in functions}
  for _ in range(rounds):
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      times[name].append(time.perf_counter() - start)
  return {name: statistics.median(values) for name, values in times.items()}


def ratios(seconds: dict[str, float], reference: str) -> list[dict]:
  """The rows of a table: seconds, and as parts of those of one of them."""
  return [
    {'flow': name, 'seconds': value, 'ratio': value / seconds[reference]}
    for name, value in seconds.items()
  ]


def in_new_process(function: Callable, *args):
  """What a function of a module returns in a process of its own.

  Args:
    function: of a module that can be imported.
    *args: its arguments.

  Returns:
    Its result.
  """
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(1, context) as executor:
    return executor.submit(function, *args).result()
