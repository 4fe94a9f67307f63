"""Tests of two real Horovod workers."""

import json
import os

import numpy as np
import pytest

from tests.programs import processes

pytestmark = pytest.mark.slow


def follow(out, *arguments, workers):
  code, _, error = processes.run(
    'tests.programs.follow', out, *arguments, workers=workers
  )
  assert code == 0, error
  return np.load(out)


@pytest.fixture(scope='module')
def one(tmp_path_factory):
  out = tmp_path_factory.mktemp('one') / 'out.npz'
  return follow(out, workers=1)


def test_two_workers_follow_the_curve_of_one(one, tmp_path):
  """16 images on one worker or 8 on each of two differ only by rounding."""
  two = follow(tmp_path / 'out.npz', workers=2)
  assert np.all(two['same'])
  np.testing.assert_allclose(two['losses'], one['losses'], rtol=1e-5)
  np.testing.assert_allclose(two['weights'], one['weights'], atol=1e-4)
  assert one['losses'][-1] < one['losses'][0]


def test_cores_are_divided_among_parts_of_enough_images():
  code, out, error = processes.run('tests.programs.cores')
  assert code == 0, error
  cores = len(os.sched_getaffinity(0))
  parallel = [1, 1, min(cores, 4), min(cores, 2)]
  expected = [f'{parts} {cores // parts}' for parts in parallel]
  assert out.splitlines() == expected


def test_nonfinite_step_of_one_worker_is_skipped_by_all(one, tmp_path):
  """Gradients travel as float16; the losses stay close to those of float32."""
  two = follow(tmp_path / 'out.npz', 3, workers=2)
  assert list(np.flatnonzero(two['skipped'])) == [3]
  assert np.all(two['same'])
  assert np.all(np.isfinite(two['weights']))
  np.testing.assert_allclose(two['losses'][:3], one['losses'][:3], rtol=1e-3)
  assert np.isfinite(two['losses'][4])


def test_train_command_on_two_workers(tmp_path):
  code, out, error = processes.train(tmp_path / 'run', workers=2)
  assert code == 0, error
  assert out.count('Test bits/dim') == 1
  metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
  assert metrics['workers'] == 2
  assert metrics['step'] == 6
  assert len(list((tmp_path / 'run' / 'tensorboard').iterdir())) == 1


def test_error_is_printed_once(tmp_path):
  code, out, error = processes.train(
    tmp_path / 'run', '--config.train.batch_size=1', workers=2
  )
  assert code != 0
  assert (out + error).count('less than one image for each of 2 workers') == 1
