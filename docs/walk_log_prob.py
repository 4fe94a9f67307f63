"""Prints how much of the package one `log_prob` walks through.

  python docs/walk_log_prob.py

Traces one eager `log_prob` of a flow of one step with `sys.setprofile` and
prints three numbers:

- calls: how often a function that is defined in the package is entered,
  including lambdas and comprehensions, and each resumption of a generator;
- files: the number of different files of the package that hold them;
- switches: the number of calls whose file differs from the file of the package
  call before it. Calls are compared in the order in which they happen, whatever
  their depth; returns and functions of other packages do not count.

Lower is better: each switch is another file that a reader has to open. The
numbers depend on the version of Python: 3.12 and later inline comprehensions.
"""

import itertools
import pathlib
import sys
from collections.abc import Callable

import tensorflow as tf

import tfp_cinc

PACKAGE = pathlib.Path(tfp_cinc.__file__).parent


def files_of_calls(function: Callable[[], object]) -> list[str]:
  """Returns the files of the package's functions that a call enters.

  Args:
    function: Function without arguments. It is called once.

  Returns:
    The file of each call, in the order of the calls.
  """
  files = []

  def record(frame, event, _):
    name = frame.f_code.co_filename
    if event == 'call' and pathlib.Path(name).is_relative_to(PACKAGE):
      files.append(name)

  sys.setprofile(record)
  try:
    function()
  finally:
    sys.setprofile(None)
  return files


def count_switches(files: list[str]) -> int:
  """Returns how often a file differs from the one before it."""
  return sum(file != previous for previous, file in itertools.pairwise(files))


def main():
  """Prints the three numbers."""
  image_shape = [4, 4, 1]
  flow = tfp_cinc.models.cinc(image_shape, levels=1, depth=1)
  images = tf.zeros([1, *image_shape])
  files = files_of_calls(lambda: flow.log_prob(images))
  print('calls:', len(files))
  print('files:', len(set(files)))
  print('switches:', count_switches(files))


if __name__ == '__main__':
  main()
