"""Starts elastic runs of two workers on this machine and finds the workers."""

import contextlib
import re
import subprocess
import time

import psutil

from tests.programs import processes

COMMIT_EVERY = 5


def start(folder, num_steps, *, with_replacement, overrides=()):
  """Starts an elastic run of 1 to 2 workers, each on its own "host".

  Args:
    folder: Folder of the log; the run is in its sub-folder `run`.
    num_steps: Number of steps of the run.
    with_replacement: Whether a lost worker is replaced.
    overrides: Further arguments of the train command.

  Returns:
    The process of the launcher.
  """
  folder.mkdir(parents=True, exist_ok=True)
  script = folder / 'hosts.sh'
  script.write_text('#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n')
  script.chmod(0o755)
  # Without a cooldown Horovod never tries a host again that lost its worker.
  cooldown = (
    ['--blacklist-cooldown-range', '1', '2'] if with_replacement else []
  )
  train = processes.command(
    *processes.train_arguments(
      folder / 'run',
      f'--config.train.num_steps={num_steps}',
      f'--config.train.commit_every={COMMIT_EVERY}',
      '--config.train.checkpoint_every=20',
      '--config.train.log_every=20',
      '--config.train.eval_every=1000000',
      *overrides,
    )
  )
  command = [
    processes.horovodrun(),
    *('--gloo', '-np', '2', '--min-np', '1', '--max-np', '2'),
    *('--network-interfaces', 'lo', '--host-discovery-script', str(script)),
    *cooldown,
    *train,
  ]
  with open(folder / 'log.txt', 'w') as output:
    return subprocess.Popen(
      command,
      cwd=processes.ROOT,
      env=processes.environment(),
      stdout=output,
      stderr=output,
    )


def workers(launcher):
  """Returns {rank: process} of the workers of a run."""
  found = {}
  for process in psutil.Process(launcher.pid).children(recursive=True):
    try:
      if '-m' in process.cmdline()[:2] and 'horovodrun' not in process.name():
        rank = process.environ().get('HOROVOD_RANK')
        if rank is not None:
          found[int(rank)] = process
    except (psutil.NoSuchProcess, psutil.AccessDenied):
      pass
  return found


def worker(launcher, rank):
  """Returns the process of one worker.

  A listing of processes can miss one that is there, so it is repeated while the
  launcher runs.
  """
  while rank not in (found := workers(launcher)):
    assert launcher.poll() is None, f'there is no worker {rank}'
    time.sleep(0.05)
  return found[rank]


@contextlib.contextmanager
def ended(launcher):
  """Kills what is left of a run at the end of a test."""
  try:
    yield
  finally:
    if launcher.poll() is None:
      for process in [*workers(launcher).values(), launcher]:
        process.kill()


def log(folder) -> str:
  """Returns what a run printed so far."""
  return (folder / 'log.txt').read_text()


def sizes(folder):
  """Returns [(number of workers, step from which they train)] of a log."""
  found = re.findall(r'(\d) workers train from step (\d+)', log(folder))
  return [(int(size), int(step)) for size, step in found]
