"""Elastic runs of two workers on this machine, and their killing."""

import os
import re
import signal
import subprocess
import sys

import psutil

from tests.training import processes

COMMIT_EVERY = 5


def start(folder, num_steps, *, with_replacement, overrides=()):
  """Starts an elastic run of 2 workers, at least 1, each its own "host"."""
  folder.mkdir(parents=True, exist_ok=True)
  script = folder / 'hosts.sh'
  script.write_text('#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n')
  script.chmod(0o755)
  # A host that lost its worker is tried again, or never.
  cooldown = (
    ['--blacklist-cooldown-range', '1', '2'] if with_replacement else []
  )
  train = processes.command(
    'training',
    'train',
    '--config',
    processes.TINY,
    '--workdir',
    folder / 'run',
    f'--config.train.num_steps={num_steps}',
    f'--config.train.commit_every={COMMIT_EVERY}',
    '--config.train.checkpoint_every=20',
    '--config.train.log_every=20',
    '--config.train.eval_every=1000000',
    *overrides,
  )
  launcher = processes.command('', workers=2)[0]
  command = [
    launcher,
    *('--gloo', '-np', '2', '--min-np', '1', '--max-np', '2'),
    *('--network-interfaces', 'lo', '--host-discovery-script', str(script)),
    *cooldown,
    *train,
  ]
  environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
  bin_folder = os.path.dirname(sys.executable)
  environment['PATH'] = bin_folder + os.pathsep + environment['PATH']
  with open(folder / 'log.txt', 'w') as log:
    return subprocess.Popen(
      command, cwd=processes.ROOT, env=environment, stdout=log, stderr=log
    )


def workers(launcher):
  """{rank: process} of the run's workers."""
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


def kill(process):
  """SIGKILL."""
  os.kill(process.pid, signal.SIGKILL)


def sizes(folder):
  """[(number of workers, step from which they went on)]."""
  text = (folder / 'log.txt').read_text()
  found = re.findall(r'(\d) workers go on from step (\d+)', text)
  return [(int(size), int(step)) for size, step in found]
