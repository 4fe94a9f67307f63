"""Runs the benchmarks one after the other and writes their output to a page.

python -m benchmarks [docs/benchmarks.md [NAME ...]]

The rows are also written to runs/benchmarks/NAME.json.
"""

import os
import pathlib
import subprocess
import sys

NAMES = (
  'solvers',
  'sampling',
  'image_size',
  'autoregressive',
  'serving',
  'training',
  'memory',
  'tracing',
  'scaling',
  'data',
)
FOLDER = 'runs/benchmarks'
INTRODUCTION = """# Benchmarks

`make benchmark` writes this page. The two values of a ratio were measured in
the same run, with the alternatives taking turns. A ratio below 1 means faster
than the reference, or less memory.
"""


def main(page='docs/benchmarks.md', *names):
  """Runs all benchmarks, or the named ones, and then replaces the page."""
  texts = [INTRODUCTION]
  for name in names or NAMES:
    if name not in NAMES:
      sys.exit(f'Unknown benchmark {name!r}; choose from {", ".join(NAMES)}.')
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
