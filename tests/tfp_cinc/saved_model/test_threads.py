import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import soak

SCRIPT = pathlib.Path(soak.__file__)


@pytest.mark.slow
def test_threads_at_once_get_what_one_gets(served):
  """`benchmarks/soak.py` is the same for a minute."""
  result = subprocess.run(
    [sys.executable, SCRIPT, served.path, '--threads', '8', '--calls', '50'],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stdout + result.stderr
  found = json.loads(result.stdout)
  assert found['calls'] == 400
  assert found['different'] == []
  # The first half is a warm-up: each thread has its own part of the heap.
  memory = found['memory']
  assert max(memory[5:]) - memory[5] < 30


def test_other_answers_are_told(served, monkeypatch):
  request = soak.make_requests(served.path)[0]
  monkeypatch.setattr(soak, 'make_requests', lambda path: [request])
  monkeypatch.setattr(soak, '_equal', lambda answer, expected: False)
  found = soak.soak(served.path, threads=2, calls=2)
  assert found['different'] == 4 * [request[0]]


def test_answers_are_compared_bit_by_bit():
  answer = {'latents': np.zeros([2], np.float32)}
  other = {'latents': np.array([0.0, 1e-30], np.float32)}
  assert soak._equal(answer, dict(answer))
  assert not soak._equal(answer, other)
  assert not soak._equal(answer, {})
