"""Runs the benchmarks one after the other and writes what they print.

python -m benchmarks [docs/benchmarks.md [NAME ...]]

The rows go to runs/benchmarks/NAME.json too.
"""

import os
import pathlib
import subprocess
import sys

NAMES = (
  'solvers',
  'sampling',
  'serving',
  'training',
  'memory',
  'tracing',
  'scaling',
  'data',
)
FOLDER = 'runs/benchmarks'
INTRODUCTION = """# Measured

By `make benchmark`, which writes this page. What a ratio compares was measured
in the same run, timings in turn. Ratios below 1 are faster, or less, than the
reference.
"""


def main(page='docs/benchmarks.md', *names):
  """Measures all, or those named, and replaces the page at the end."""
  texts = [INTRODUCTION]
  for name in names or NAMES:
    if name not in NAMES:
      sys.exit(f'There is no benchmark {name!r}; there are {", ".join(NAMES)}.')
    done = subprocess.run(
      [sys.executable, '-m', f'benchmarks.{name}', f'{FOLDER}/{name}.json'],
      env={'TF_CPP_MIN_LOG_LEVEL': '3', **os.environ},
      stdout=subprocess.PIPE,
      text=True,
      check=True,
    )
    print(done.stdout, flush=True)
    texts.append(done.stdout.strip() + f'\n\n`python -m benchmarks.{name}`\n')
  page = pathlib.Path(page)
  page.parent.mkdir(parents=True, exist_ok=True)
  temporary = page.with_suffix('.tmp')
  temporary.write_text('\n'.join(texts))
  temporary.rename(page)


if __name__ == '__main__':
  main(*sys.argv[1:])
