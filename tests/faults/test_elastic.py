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
# Long enough for a replacement to join, which must import TensorFlow first.
STEPS = 600


@pytest.mark.parametrize('with_replacement', [True, False])
@pytest.mark.parametrize('number', range((RUNS + 1) // 2))
def test_run_survives_a_killed_worker(tmp_path, number, with_replacement):
  chance = random.Random(2 * number + with_replacement)
  num_steps = STEPS
  launcher = elastic.start(
    tmp_path, num_steps, with_replacement=with_replacement
  )
  try:
    goal = chance.randint(1, 200)
    run = tmp_path / 'run'
    while newest_checkpoint(run) < goal:
      assert launcher.poll() is None, (tmp_path / 'log.txt').read_text()
      time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.2))
    before = newest_checkpoint(run)
    elastic.kill(elastic.workers(launcher)[chance.randint(0, 1)])
    assert launcher.wait() == 0, (tmp_path / 'log.txt').read_text()
  finally:
    launcher.kill()
  log = (tmp_path / 'log.txt').read_text()
  metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
  assert metrics['step'] == num_steps, log
  sizes = elastic.sizes(tmp_path)
  assert sizes[:2] == [(2, 0), (1, sizes[1][1])], log
  # Fewer steps are lost than there are between two commits.
  assert sizes[1][1] > before - elastic.COMMIT_EVERY
  if with_replacement:
    assert sizes[2][0] == 2, log
    assert metrics['workers'] == 2
  else:
    assert len(sizes) == 2
  assert 'need the same value' not in log  # the weights at the end
