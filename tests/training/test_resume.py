"""A run that is killed and resumed is the run that was never killed."""

import os
import random
import re
import signal
import time

import numpy as np
import tensorflow as tf

from tests.training import processes

KILLS = 2 * int(os.environ.get('FAULTS', '0')) or 5
STEPS = 12 * KILLS
OVERRIDES = (
  f'--config.train.num_steps={STEPS}',
  '--config.train.checkpoint_every=1',
)


def newest(folder):
  """The step of the newest checkpoint, 0 where there is none."""
  steps = [
    int(match[1])
    for name in (os.listdir(folder) if folder.is_dir() else [])
    if (match := re.fullmatch(r'step_(\d+)', name))
  ]
  return max(steps, default=0)


def weights(folder):
  """All that the last checkpoint holds, but for the time that it took."""
  prefix = folder / 'checkpoints' / f'step_{STEPS:09d}' / 'state'
  reader = tf.train.load_checkpoint(str(prefix))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if not name.startswith(('seconds', '_CHECKPOINTABLE'))
  }


def test_killed_at_random_moments(tmp_path):
  chance = random.Random(0)
  workdir = tmp_path / 'killed'
  killed_at = []
  for kill in range(KILLS):
    process = processes.start(
      'training',
      'train',
      '--config',
      processes.TINY,
      '--workdir',
      workdir,
      *OVERRIDES,
      start_new_session=True,
    )
    # Once so many steps further, and then at any moment of a step or a write.
    goal = newest(workdir / 'checkpoints') + chance.randint(0, 10)
    while newest(workdir / 'checkpoints') < max(goal, kill):
      assert process.poll() is None, process.communicate()
      time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.05))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    killed_at.append(newest(workdir / 'checkpoints'))
  assert killed_at[-1] < STEPS
  code, out, error = processes.train(workdir, *OVERRIDES)
  assert code == 0, error
  assert re.search(r'Resumed from step \d+', out)
  unbroken = tmp_path / 'unbroken'
  code, _, error = processes.train(unbroken, *OVERRIDES)
  assert code == 0, error
  ours, theirs = weights(workdir), weights(unbroken)
  assert ours.keys() == theirs.keys()
  assert len(ours) > 20
  for name, value in ours.items():
    np.testing.assert_array_equal(value, theirs[name], err_msg=name)
