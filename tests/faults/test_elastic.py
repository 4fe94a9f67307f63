"""A worker is killed at a random step; the others bring the run to its end.

`FAULTS=10 python -m pytest tests/faults` runs each fault as often.
"""

import json
import os
import random
import time

import pytest

from tests.faults import elastic
from tests.training.test_resume import newest

RUNS = int(os.environ.get('FAULTS', '1'))
# Enough for a replacement, which imports TensorFlow first, to take part.
STEPS = 600


@pytest.mark.parametrize('with_replacement', [True, False])
@pytest.mark.parametrize('number', range((RUNS + 1) // 2))
def test_a_killed_worker_ends_no_run(tmp_path, number, with_replacement):
  chance = random.Random(2 * number + with_replacement)
  num_steps = STEPS
  launcher = elastic.start(
    tmp_path, num_steps, with_replacement=with_replacement
  )
  try:
    goal = chance.randint(1, 200)
    checkpoints = tmp_path / 'run' / 'checkpoints'
    while newest(checkpoints) < goal:
      assert launcher.poll() is None, (tmp_path / 'log.txt').read_text()
      time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.2))
    before = newest(checkpoints)
    elastic.kill(elastic.workers(launcher)[chance.randint(0, 1)])
    assert launcher.wait() == 0, (tmp_path / 'log.txt').read_text()
  finally:
    launcher.kill()
  log = (tmp_path / 'log.txt').read_text()
  metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
  assert metrics['step'] == num_steps, log
  sizes = elastic.sizes(tmp_path)
  assert sizes[:2] == [(2, 0), (1, sizes[1][1])], log
  # What was lost is less than what lies between two commits.
  assert sizes[1][1] > before - elastic.COMMIT_EVERY
  if with_replacement:
    assert sizes[2][0] == 2, log
    assert metrics['workers'] == 2
  else:
    assert len(sizes) == 2
  assert 'need the same' not in log  # weights at the end
