"""Tests of disks that fail, and of processes that are killed while writing."""

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.programs import processes
from tests.programs.checkpoint_writers import Big, metric_of
from tests.programs.counted import Counted, names, restored
from training.run_folder.checkpoints import Checkpoints


@contextlib.contextmanager
def full_disk(folder, size):
  """Mounts a small file system; skips the test if that is not permitted."""
  folder.mkdir()
  command = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', str(folder)]
  try:
    subprocess.run(command, check=True, capture_output=True, text=True)
  except (OSError, subprocess.CalledProcessError) as error:
    pytest.skip(f'cannot mount a tmpfs: {error}')
  try:
    yield
  finally:
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def test_full_disk_is_reported_once_and_tried_again(tmp_path):
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
      'Writing checkpoints works again, since step 4.'
    ]
    assert names(folder) == [f'step_{step:09d}' for step in (1, 4, 5)]
    assert restored(folder) == (5, 5.0, [])


def test_disk_that_is_full_at_any_byte(tmp_path):
  """A checkpoint that is reported as written can be read; no part is left."""
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


def test_read_only_file_system(tmp_path):
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
  """No file can grow beyond 100 kB."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_file_that_cannot_grow(tmp_path, small_files):
  value = tf.Variable(tf.zeros([100_000]))
  said = []
  writer = Checkpoints(tmp_path, 3, say=said.append, value=value)
  writer.save(1)
  assert not writer.wait()
  assert os.strerror(errno.EFBIG) in said[0]
  assert names(tmp_path) == []
  # Another error gives another message.
  tmp_path.rename(tmp_path.with_name('moved'))
  tmp_path.write_text('')
  writer.save(2)
  assert not writer.wait()
  assert len(said) == 2


def test_error_of_the_program_is_raised(tmp_path):
  def broken(_):
    raise ZeroDivisionError

  (tmp_path / 'file').write_text('')
  writer = Checkpoints(tmp_path / 'file', 3, say=broken, value=tf.Variable(1.0))
  writer.save(1)
  with pytest.raises(ZeroDivisionError):
    writer.wait()


@contextlib.contextmanager
def writers(folder):
  """Starts the program `checkpoint_writers`."""
  parent = subprocess.Popen(
    processes.command('tests.programs.checkpoint_writers', folder),
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


@pytest.mark.slow
def test_kill_at_any_moment_loses_no_written_checkpoint(tmp_path):
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
  assert remains > 3, 'too few writers were killed while writing'


@pytest.mark.slow
def test_kill_while_a_step_is_written_again_loses_neither(tmp_path):
  """Kills the writer before each change of a name in the folder."""
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
