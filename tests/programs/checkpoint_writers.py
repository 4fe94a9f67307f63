"""Forks writers of checkpoints, which the test kills.

Run by `test_checkpoint_faults` as `python -m tests.programs.checkpoint_writers
FOLDER`. TensorFlow is imported only once, because each writer is a fork.
"""

import os
import pathlib
import random
import signal
import sys

import tensorflow as tf

from tests.programs.counted import Counted
from training.run_folder.checkpoints import Checkpoints


def metric_of(step):
  """Returns a different metric for each step; the best is not the newest."""
  return random.Random(step).random()


class Big:
  """Variables that take a while to write; all hold the number of the step."""

  def __init__(self, folder):
    self.values = [tf.Variable(tf.zeros([1 << 18])) for _ in range(4)]
    self.checkpoints = Checkpoints(folder, 2, values=self.values)

  def is_of(self, step):
    """Returns whether all variables hold the number of a step."""
    return all(bool(tf.reduce_all(x == step)) for x in self.values)

  def write_forever(self):
    """Resumes from the newest checkpoint; prints which steps are written."""
    step = self.checkpoints.restore() or 0
    while True:
      step += 1
      for value in self.values:
        value.assign(tf.fill(value.shape, float(step)))
      self.checkpoints.save(step, metric_of(step))
      # This checkpoint is being written; the one before it is complete. The
      # line is written at once, so that a kill cannot cut the number.
      print(f'{self.checkpoints.saved_step or 0}\n', end='', flush=True)


def save_until(folder, survived):
  """Saves step 2 and dies before a change of a name, unless it survives all.

  Args:
    folder: Folder of the checkpoints.
    survived: Number of changes before the one that kills the process.
  """
  counted, seen = Counted(folder), 0

  def die(event, _):
    nonlocal seen
    if event in ('os.rename', 'os.remove', 'os.rmdir', 'os.mkdir'):
      if seen == survived:
        os.kill(os.getpid(), signal.SIGKILL)
      seen += 1

  sys.addaudithook(die)
  counted.value.assign(7.0)
  counted.checkpoints.save(2)
  assert counted.checkpoints.wait()


def main(folder):
  """Forks a writer at each line of standard input and waits for its end.

  The line is 'forever', or a number for `save_until`.
  """
  for line in sys.stdin:
    child = os.fork()
    if not child:
      print(os.getpid(), flush=True)
      if line.strip() == 'forever':
        Big(folder).write_forever()
      save_until(folder / line.strip(), int(line))
      print('finished', flush=True)
      os._exit(0)
    os.waitpid(child, 0)
    print('ended', flush=True)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
