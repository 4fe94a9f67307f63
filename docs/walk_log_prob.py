"""Prints how much of the package a single `log_prob` calls.

  python docs/walk_log_prob.py

The script traces one eager `log_prob` of a flow with one step, using
`sys.setprofile`, and prints three numbers:

- calls: Number of times a function of the package is entered, including lambdas
  and comprehensions. Each resumption of a generator also counts.
- files: Number of different files of the package that define these functions.
- switches: Number of calls whose file differs from the file of the previous
  call. The calls are in chronological order, at any depth. Returns and
  functions of other packages do not count.

Lower is better: each switch is another file that a reader has to open. The
numbers depend on the version of Python, because 3.12 and later inline
comprehensions.
"""

import itertools
import pathlib
import sys
from collections.abc import Callable

import tensorflow as tf

import tfp_cinc

PACKAGE = pathlib.Path(tfp_cinc.__file__).parent


def files_of_calls(function: Callable[[], object]) -> list[str]:
  """Returns the files of the functions of the package that a function calls.

  Args:
    function: Function without arguments. It is called once.

  Returns:
    List of the file of each call, in the order of the calls.
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
  """Returns the number of files that differ from the previous one."""
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
