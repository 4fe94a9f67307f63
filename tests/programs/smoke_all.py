"""Runs two steps of every configuration on random images.

  python -m tests.programs.smoke_all [NAME ...]

Evaluation, samples and export are included. It takes several minutes, so it is
not one of the tests.
"""

import sys
import tempfile
import time

from training.configs.loading import config_names, load_config
from training.configs.smoke import reduce_if_smoke
from training.loop.train import train


def main(names):
  """Trains the named configurations, or all; prints which ones fail."""
  failed = []
  for name in names or config_names():
    config = load_config(name)
    config.smoke = True
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
      try:
        train(reduce_if_smoke(config), folder)
        result = 'passed'
      except Exception as error:
        failed.append(name)
        result = f'FAILED: {type(error).__name__}: {error}'
    print(f'{name}: {result}, {time.monotonic() - started:.0f} s', flush=True)
  print(f'{len(failed)} failed: {failed}')
  return 1 if failed else 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
