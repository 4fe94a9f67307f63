"""Times alternatives in turn, so that a machine's drift affects all alike."""

import concurrent.futures
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable

__all__ = ['in_new_process', 'medians', 'ratios']


def medians(
  functions: dict[str, Callable[[], object]], rounds: int, warmups: int = 2
) -> dict[str, float]:
  """Returns the median seconds of each function, with functions in turn.

  Args:
    functions: Functions without arguments, by name.
    rounds: Number of timed calls of each function, at least 5.
    warmups: Number of calls of each function before timing.

  Returns:
    Seconds by name.
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
  """Returns table rows: seconds, and their ratios to those of `reference`."""
  return [
    {'flow': name, 'seconds': value, 'ratio': value / seconds[reference]}
    for name, value in seconds.items()
  ]


def in_new_process(function: Callable, *args):
  """Calls a function in a new process and returns its result.

  The new process ends with this one, even if this one is killed.

  Args:
    function: A function at the top level of a module. A script that calls this
      needs `if __name__ == '__main__':`, as the new process imports it again.
    *args: Arguments of the function. They and the result are pickled.

  Returns:
    The result of the function.
  """
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(
    1, context, initializer=_end_with_parent
  ) as executor:
    return executor.submit(function, *args).result()


def _end_with_parent():
  parent = multiprocessing.parent_process()

  def wait():
    parent.join()
    os._exit(1)

  threading.Thread(target=wait, daemon=True).start()
