"""Every configuration in small: `python -m tests.training.smoke_all [NAMES]`.

Two steps of each, evaluation, samples and export included, on made-up images.
"""

import importlib
import pathlib
import sys
import tempfile
import time

from training import smoke
from training.train import train

CONFIGS = pathlib.Path(__file__).parents[2] / 'training' / 'configs'


def main(names):
  """Trains each of the named configurations, or all; says what failed."""
  found = sorted(path.stem for path in CONFIGS.glob('[a-z]*_*.py'))
  failed = []
  for name in names or found:
    config = importlib.import_module(f'training.configs.{name}').get_config()
    config.smoke = True
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
      try:
        train(smoke.reduce(config), folder)
        said = 'passed'
      except Exception as error:
        failed.append(name)
        said = f'FAILED: {type(error).__name__}: {error}'
    print(f'{name}: {said}, {time.monotonic() - started:.0f} s', flush=True)
  print(f'{len(failed)} failed: {failed}')
  return 1 if failed else 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
