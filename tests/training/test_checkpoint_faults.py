"""Disks that refuse, and processes that are killed while they write."""

import contextlib
import errno
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.training import processes
from tests.training.counted import Counted, names, restored
from training.checkpoints import Checkpoints


@contextlib.contextmanager
def full_disk(folder, size):
  """A file system of some bytes; skips where it cannot be had."""
  folder.mkdir()
  command = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', str(folder)]
  try:
    subprocess.run(command, check=True, capture_output=True, text=True)
  except (OSError, subprocess.CalledProcessError) as error:
    pytest.skip(f'no tmpfs may be mounted here: {error}')
  try:
    yield
  finally:
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def test_a_full_disk_is_said_once_and_tried_again(tmp_path):
  disk = tmp_path / 'disk'
  with full_disk(disk, 1 << 20):
    folder = disk / 'checkpoints'
    counted = Counted(folder).save(1)
    assert counted.said == []
    room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / 'filler').write_bytes(bytes(room))
    counted.save(2, 3)
    assert not counted.checkpoints.wait()
    assert counted.checkpoints.saved_step == 1
    [sentence] = counted.said
    assert 'step 2 could not be written' in sentence
    assert os.strerror(errno.ENOSPC) in sentence
    assert names(folder) == ['step_000000001']
    (disk / 'filler').unlink()
    counted.save(4, 5)
    assert counted.checkpoints.wait()
    assert counted.said[1:] == [
      'Checkpoints are written again, from step 4 on.'
    ]
    assert names(folder) == [f'step_{step:09d}' for step in (1, 4, 5)]
    assert restored(folder) == (5, 5.0, [])


def test_a_disk_that_is_full_at_any_byte(tmp_path):
  """What `save` says is written can be read; else nothing is left."""
  disk = tmp_path / 'disk'
  with full_disk(disk, 2 << 20):
    folder = disk / 'checkpoints'
    module = tf.Module()
    module.values = [tf.Variable(tf.zeros([3000])) for _ in range(3)]
    writer = Checkpoints(folder, 1, say=lambda _: None, module=module)
    page = os.statvfs(disk).f_frsize
    outcomes = set()
    for step in range(1, 25):
      left = os.statvfs(disk).f_bavail
      (disk / 'filler').write_bytes(bytes(page * (left - step)))
      for value in module.values:
        value.assign(tf.fill(value.shape, float(step)))
      writer.save(step)
      written = writer.wait()
      outcomes.add(written)
      (disk / 'filler').unlink()
      if written:
        assert names(folder) == [f'step_{step:09d}']
        assert writer.restore() == step
        for value in module.values:
          np.testing.assert_array_equal(value, np.full([3000], step))
      elif folder.exists():
        assert names(folder) == []
    assert outcomes == {True, False}


def test_a_file_system_that_is_read_only(tmp_path):
  disk = tmp_path / 'disk'
  with full_disk(disk, 1 << 20):
    counted = Counted(disk).save(1)
    command = ['mount', '-o', 'remount,ro', str(disk)]
    subprocess.run(command, check=True)
    counted.save(2, 3)
    [sentence] = counted.said
    assert os.strerror(errno.EROFS) in sentence
    assert restored(disk) == (1, 1.0, [])
    command = ['mount', '-o', 'remount,rw', str(disk)]
    subprocess.run(command, check=True)
    counted.save(4)
    assert names(disk) == ['step_000000001', 'step_000000004']


@pytest.fixture
def small_files():
  """No file may grow past 100 kB."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_may_not_grow(tmp_path, small_files):
  value = tf.Variable(tf.zeros([100_000]))
  said = []
  writer = Checkpoints(tmp_path, 3, say=said.append, value=value)
  writer.save(1)
  assert not writer.wait()
  assert os.strerror(errno.EFBIG) in said[0]
  assert names(tmp_path) == []
  # Another fault is another sentence.
  tmp_path.rename(tmp_path.with_name('moved'))
  tmp_path.write_text('')
  writer.save(2)
  assert not writer.wait()
  assert len(said) == 2


def test_an_error_of_the_program_is_not_taken_for_the_disk(tmp_path):
  def broken(_):
    raise ZeroDivisionError

  (tmp_path / 'file').write_text('')
  writer = Checkpoints(tmp_path / 'file', 3, say=broken, value=tf.Variable(1.0))
  writer.save(1)
  with pytest.raises(ZeroDivisionError):
    writer.wait()


def metric_of(step):
  """Somehow different for each step, and the best not the newest."""
  return random.Random(step).random()


class Big:
  """Variables that take a while to write, all with the number of the step."""

  def __init__(self, folder):
    self.values = [tf.Variable(tf.zeros([1 << 18])) for _ in range(4)]
    self.checkpoints = Checkpoints(folder, 2, values=self.values)

  def is_of(self, step):
    return all(bool(tf.reduce_all(x == step)) for x in self.values)

  def write_forever(self):
    """Goes on from the newest; says which steps are whole."""
    step = self.checkpoints.restore() or 0
    while True:
      step += 1
      for value in self.values:
        value.assign(tf.fill(value.shape, float(step)))
      self.checkpoints.save(step, metric_of(step))
      # This one is being written; the one before it is whole. In one piece: a
      # kill must not part the number from the end of its line.
      print(f'{self.checkpoints.saved_step or 0}\n', end='', flush=True)


@contextlib.contextmanager
def writers(folder):
  """The process of `_fork_writers`.

  TensorFlow is imported once; each writer is a fork of that process.
  """
  parent = subprocess.Popen(
    processes.command('tests.training.test_checkpoint_faults', folder),
    cwd=processes.ROOT,
    text=True,
    bufsize=1,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  with parent:
    yield parent
    parent.stdin.close()
  assert parent.returncode == 0


def test_killed_at_random_moments(tmp_path):
  """What had been reported whole is never lost, and the best neither."""
  chance = random.Random(0)
  reader, saved, remains = Big(tmp_path), 0, 0
  with writers(tmp_path) as parent:
    for _ in range(20):
      parent.stdin.write('forever\n')
      child = int(parent.stdout.readline())
      told = [saved]
      for _ in range(chance.randint(1, 3)):
        told.append(int(parent.stdout.readline()))
      time.sleep(chance.uniform(0, 0.05))
      os.kill(child, signal.SIGKILL)
      while (line := parent.stdout.readline().strip()) != 'ended':
        told.append(int(line))
      remains += any(tmp_path.glob('.tmp_*'))
      saved = reader.checkpoints.restore(pytest.fail)
      assert reader.is_of(saved)
      assert saved >= max(told)
      best = reader.checkpoints.restore_best(pytest.fail)
      assert reader.is_of(best)
      assert best == min(range(1, saved + 1), key=metric_of)
  assert remains > 3, 'hardly one was killed while it wrote'


def test_killed_before_each_change_of_a_name(tmp_path):
  """A step is written once more; at any moment one of both is there."""
  values = set()
  with writers(tmp_path) as parent:
    for survived in range(100):
      folder = tmp_path / str(survived)
      Counted(folder).save(1, 2)
      parent.stdin.write(f'{survived}\n')
      parent.stdout.readline()
      finished = parent.stdout.readline().strip() == 'finished'
      step, value, said = restored(folder)
      assert (step, said) == (2, [])
      assert value in (2.0, 7.0)
      values.add(value)
      if finished:
        parent.stdout.readline()
        break
  assert finished
  assert survived > 5
  assert values == {2.0, 7.0}
  assert names(folder) == ['step_000000001', 'step_000000002']


def _save_until(folder, survived):
  """Saves step 2, and dies before one of its renamings and removals."""
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


def _fork_writers(folder):
  """Forks a writer at each line of the standard input, and awaits its end."""
  for line in sys.stdin:
    child = os.fork()
    if not child:
      print(os.getpid(), flush=True)
      if line.strip() == 'forever':
        Big(folder).write_forever()
      _save_until(folder / line.strip(), int(line))
      print('finished', flush=True)
      os._exit(0)
    os.waitpid(child, 0)
    print('ended', flush=True)


if __name__ == '__main__':
  _fork_writers(pathlib.Path(sys.argv[1]))
