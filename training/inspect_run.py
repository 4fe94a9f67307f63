"""`python -m training inspect`: what the checkpoints of a run hold."""

import collections
import json
import math
import pathlib
import re
import time

import tensorflow as tf

from training.errors import UserError
from training.found import find

__all__ = ['inspect']

_SLOT = re.compile(r'/\.OPTIMIZER_SLOT/([^/]+)/')


def inspect(folder: str, say=print) -> None:
  """Reads all checkpoints of a run and tells which are whole and what is in.

  Nothing is written, and a run that is training in the folder goes on. Neither
  the flow nor the data set is built.

  Args:
    folder: the run's workdir.
    say: called with each line.

  Raises:
    UserError: if there is no run, or none of its checkpoints is whole; after
      all has been told.
  """
  checkpoints = pathlib.Path(folder, 'checkpoints')
  config = pathlib.Path(folder, 'config.json')
  if not config.exists() and not checkpoints.exists():
    raise UserError(
      f'{folder} holds no run: there is neither {config} nor {checkpoints}.'
    )
  for line in _about_run(config):
    say(line)
  rows, contents = _survey(checkpoints)
  whole = [found for found, fault in rows if fault is None]
  if rows:
    say('')
  for line in _table(rows, _best(whole)):
    say(line)
  if not whole:
    raise UserError(
      f'none of the {len(rows)} checkpoints in {checkpoints} is whole.'
      if rows
      else f'{folder} holds no checkpoint yet.'
    )
  say('')
  say(f'Step {whole[0].step} holds:')
  for line in contents:
    say(line)


def _survey(checkpoints):
  """[(checkpoint, fault)], the newest first, and lines on the newest whole."""
  while True:
    rows = [(found, found.fault()) for found in find(checkpoints)]
    whole = [found for found, fault in rows if fault is None]
    contents = list(_contents(whole[0])) if whole else []
    # A run that is training removes old ones; what was seen of them is wrong.
    if all(found.path.exists() for found, _ in rows):
      return rows, contents


def _about_run(path):
  """Lines about config.json; what is wrong with it where it is damaged."""
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
    yield f'Git commit: {content.get("git_commit") or "not known"}'
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    yield f'{path} is missing or is not the configuration of a run.'


def _best(whole):
  """The whole checkpoint with the lowest metric, None where none has one."""
  return min(
    (found for found in whole if found.metric is not None),
    key=lambda found: found.metric,
    default=None,
  )


def _table(rows, best):
  """A line for each checkpoint, the newest first, and their heading."""
  if rows:
    yield f'{"step":>9}  {"written":<19}  {"size":>9}  {"bits/dim":>8}  state'
  for found, fault in rows:
    state = 'whole' if fault is None else f'not whole: {fault}'
    written = 'not known'
    if found.written is not None:
      moment = time.localtime(found.written)
      written = time.strftime('%Y-%m-%d %H:%M:%S', moment)
    metric = '-' if found.metric is None else f'{found.metric:.4f}'
    yield (
      f'{found.step:>9}  {written:<19}  {_bytes(found.size):>9}  {metric:>8}  '
      f'{state}{", best" if found is best else ""}'
    )


def _contents(found):
  """A line for each object of a checkpoint."""
  try:
    reader = tf.train.load_checkpoint(found.prefix)
  except (ValueError, tf.errors.OpError) as error:
    yield f'  nothing that TensorFlow can read: {str(error).splitlines()[0]}'
    return
  types = reader.get_variable_to_dtype_map()
  numbers, sizes = collections.Counter(), collections.Counter()
  single = {}
  for key, shape in reader.get_variable_to_shape_map().items():
    if key == '_CHECKPOINTABLE_OBJECT_GRAPH':
      continue
    # A slot's key begins with the variable that it belongs to.
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
