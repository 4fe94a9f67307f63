"""Tests that an elastic run survives the loss of a worker.

`FAULTS=10 python -m pytest tests/faults` kills ten workers instead of one.
"""

import json
import os
import random
import time

import pytest

from tests.programs import elastic
from tests.programs.processes import newest_checkpoint

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get('FAULTS', '1'))


@pytest.mark.parametrize('number', range((RUNS + 1) // 2))
def test_a_run_ends_with_the_worker_that_is_left(tmp_path, number):
  launcher = elastic.start(tmp_path, num_steps=400, with_replacement=False)
  with elastic.ended(launcher):
    kill_a_worker(tmp_path, launcher, random.Random(number), last=150)
    assert launcher.wait() == 0, elastic.log(tmp_path)
  metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
  assert metrics['step'] == 400
  assert len(elastic.sizes(tmp_path)) == 2
  assert 'need the same value' not in elastic.log(tmp_path)


@pytest.mark.parametrize('number', range((RUNS + 1) // 2))
def test_a_replacement_joins_a_run(tmp_path, number):
  """However late: the run has no end of its own, and is then asked to stop."""
  launcher = elastic.start(tmp_path, num_steps=10**6, with_replacement=True)
  with elastic.ended(launcher):
    kill_a_worker(tmp_path, launcher, random.Random(number), last=150)
    while len(elastic.sizes(tmp_path)) < 3:
      assert launcher.poll() is None, elastic.log(tmp_path)
      time.sleep(0.1)
    for worker in elastic.workers(launcher).values():
      worker.terminate()
    assert launcher.wait() == 0, elastic.log(tmp_path)
  assert elastic.sizes(tmp_path)[2][0] == 2, elastic.log(tmp_path)
  # The weights are compared at the end.
  assert 'need the same value' not in elastic.log(tmp_path)
  stop = f'Stopped at step {newest_checkpoint(tmp_path / "run")};'
  assert stop in elastic.log(tmp_path)


def kill_a_worker(folder, launcher, chance, last):
  """Kills one of two workers at a step up to about `last`; sees one go on."""
  goal = chance.randint(1, last)
  while newest_checkpoint(folder / 'run') < goal:
    assert launcher.poll() is None, elastic.log(folder)
    time.sleep(0.01)
  time.sleep(chance.uniform(0, 0.2))
  before = newest_checkpoint(folder / 'run')
  elastic.worker(launcher, chance.randint(0, 1)).kill()
  while len(elastic.sizes(folder)) < 2:
    assert launcher.poll() is None, elastic.log(folder)
    time.sleep(0.01)
  (size, first), (size_after, step) = elastic.sizes(folder)[:2]
  assert (size, first, size_after) == (2, 0, 1), elastic.log(folder)
  # Fewer steps are lost than there are between two commits.
  assert step > before - elastic.COMMIT_EVERY
