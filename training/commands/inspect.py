"""tfp-cinc inspect."""

import collections
import json
import math
import pathlib
import re
import time

from ..errors import UserError
from ..run_folder.checkpoint_list import find
from .options import click_command, run_argument

__all__ = ['command']

_SLOT = re.compile(r'/\.OPTIMIZER_SLOT/([^/]+)/')


@click_command(
  'inspect', 'runs/cinc_photos', short_help='Check the checkpoints of a run.'
)
@run_argument
def command(run):
  """Check the checkpoints of a run and list what they hold.

  RUN is the folder of the run, which may be training. Nothing is written.
  """
  checkpoints = pathlib.Path(run, 'checkpoints')
  config = pathlib.Path(run, 'config.json')
  if not config.exists() and not checkpoints.exists():
    raise UserError(
      f'{run} holds no run: there is neither {config} nor {checkpoints}.'
    )
  for line in _about_run(config):
    print(line)
  rows, contents = _survey(checkpoints)
  intact = [found for found, fault in rows if fault is None]
  if rows:
    print()
  for line in _table(rows, _best(intact)):
    print(line)
  if not intact:
    raise UserError(
      f'none of the {len(rows)} checkpoints in {checkpoints} is intact.'
      if rows
      else f'{run} holds no checkpoint yet.'
    )
  print()
  print(f'Step {intact[0].step} holds:')
  for line in contents:
    print(line)


def _survey(checkpoints):
  """Returns [(checkpoint, fault)], newest first, and lines on the newest."""
  while True:
    rows = [(found, found.fault()) for found in find(checkpoints)]
    intact = [found for found, fault in rows if fault is None]
    contents = list(_contents(intact[0])) if intact else []
    # A run that is training removes old checkpoints; then look again.
    if all(found.path.exists() for found, _ in rows):
      return rows, contents


def _about_run(path):
  """Yields lines about config.json."""
  try:
    content = json.loads(path.read_text())
    flow, data = content['config']['flow'], content['config']['data']
    yield (
      f'Run: {content["config"].get("name") or flow["name"]} on {data["name"]}'
    )
    versions = content.get('versions') or {}
    yield 'Started with: ' + ', '.join(
      f'{name} {version}' for name, version in versions.items() if version
    )
    yield f'Git commit: {content.get("git_commit") or "unknown"}'
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    yield f'{path} is missing or damaged.'


def _best(intact):
  """Returns the intact checkpoint with the lowest metric, or None."""
  return min(
    (found for found in intact if found.metric is not None),
    key=lambda found: found.metric,
    default=None,
  )


def _table(rows, best):
  """Yields a heading and a line for each checkpoint, newest first."""
  if rows:
    yield f'{"step":>9}  {"written":<19}  {"size":>9}  {"bits/dim":>8}  state'
  for found, fault in rows:
    state = 'intact' if fault is None else f'damaged: {fault}'
    written = 'unknown'
    if found.written is not None:
      moment = time.localtime(found.written)
      written = time.strftime('%Y-%m-%d %H:%M:%S', moment)
    metric = '-' if found.metric is None else f'{found.metric:.4f}'
    yield (
      f'{found.step:>9}  {written:<19}  {_bytes(found.size):>9}  {metric:>8}  '
      f'{state}{", best" if found is best else ""}'
    )


def _contents(found):
  """Yields a line for each object of a checkpoint."""
  import tensorflow as tf

  try:
    reader = tf.train.load_checkpoint(found.prefix)
  except (ValueError, tf.errors.OpError) as error:
    yield f'  TensorFlow cannot read it: {str(error).splitlines()[0]}'
    return
  types = reader.get_variable_to_dtype_map()
  numbers, sizes = collections.Counter(), collections.Counter()
  single = {}
  for key, shape in reader.get_variable_to_shape_map().items():
    if key == '_CHECKPOINTABLE_OBJECT_GRAPH':
      continue
    # The key of a slot begins with that of its variable.
    slot = _SLOT.search(key)
    name = slot[1] if slot else key.split('/')[0]
    numbers[name] += 1
    sizes[name] += math.prod(shape) * types[key].size
    if not shape:
      single[name] = reader.get_tensor(key)
  width = max(map(len, numbers), default=0)
  for name, number in sorted(numbers.items()):
    if number == 1 and name in single:
      yield f'  {name:<{width}}  {single[name]}'
    else:
      plural = 's' if number > 1 else ''
      yield (
        f'  {name:<{width}}  {number} variable{plural}, {_bytes(sizes[name])}'
      )


def _bytes(size):
  for unit in ('B', 'kB', 'MB'):
    if size < 1000:
      return f'{size:.3g} {unit}'
    size /= 1000
  return f'{size:.3g} GB'
