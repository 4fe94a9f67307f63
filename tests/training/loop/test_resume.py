"""Tests that a killed and resumed run equals one that was never killed."""

import os
import random
import re
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.programs import processes
from tests.programs.processes import newest_checkpoint

KILLS = 2 * int(os.environ.get('FAULTS', '0')) or 5
STEPS = 12 * KILLS
OVERRIDES = (
  f'--config.train.num_steps={STEPS}',
  '--config.train.checkpoint_every=1',
)


def weights(folder):
  """Returns all values of the last checkpoint, except the training time."""
  prefix = folder / 'checkpoints' / f'step_{STEPS:09d}' / 'state'
  reader = tf.train.load_checkpoint(str(prefix))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if not name.startswith(('seconds', '_CHECKPOINTABLE'))
  }


@pytest.mark.slow
def test_run_killed_at_random_moments_equals_an_unbroken_one(tmp_path):
  chance = random.Random(0)
  folder = tmp_path / 'killed'
  killed_at = []
  for kill in range(KILLS):
    process = processes.start(
      *processes.train_arguments(folder, *OVERRIDES), start_new_session=True
    )
    # Waits for some steps, and then for a part of a step or of a write.
    goal = newest_checkpoint(folder) + chance.randint(0, 10)
    while newest_checkpoint(folder) < max(goal, kill):
      assert process.poll() is None, process.communicate()
      time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.05))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    killed_at.append(newest_checkpoint(folder))
  assert killed_at[-1] < STEPS
  code, out, error = processes.train(folder, *OVERRIDES)
  assert code == 0, error
  assert re.search(r'Resumed from step \d+', out)
  unbroken = tmp_path / 'unbroken'
  code, _, error = processes.train(unbroken, *OVERRIDES)
  assert code == 0, error
  ours, theirs = weights(folder), weights(unbroken)
  assert ours.keys() == theirs.keys()
  assert len(ours) > 20
  for name, value in ours.items():
    np.testing.assert_array_equal(value, theirs[name], err_msg=name)
