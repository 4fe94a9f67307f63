"""tfp-cinc status."""

import json
import pathlib
import shlex
import time

from ..progress import duration
from ..run_folder.checkpoint_list import find
from ..run_folder.config_file import read_config
from ..run_folder.lock import is_locked
from ..run_folder.status import read_status
from .options import click_command, run_argument

__all__ = ['command', 'describe']


@click_command(
  'status', 'runs/cinc_photos', short_help='Print the progress of a run.'
)
@run_argument
def command(run):
  """Print the progress of a run, and whether a process is training it.

  RUN is the folder of the run.
  """
  print(describe(run))


def describe(folder) -> str:
  """Returns a few lines about the progress of a run.

  Args:
    folder: The folder of the run, which may be training.

  Returns:
    The lines.

  Raises:
    UserError: If there is no run.
  """
  folder = pathlib.Path(folder)
  config = read_config(folder)
  content, now = read_status(folder), time.time()
  lines = [f'{folder}: {_state(folder, content)}']
  if 'step' in content:
    lines += _progress(content, now, is_locked(folder))
  else:
    lines.append(f'step 0 of {config.train.num_steps}: nothing logged yet')
  lines.append(_newest_checkpoint(folder, now))
  lines += _results(folder)
  for note in content.get('notes', []):
    when = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(note['time']))
    lines.append(f'  {when}  {note["text"]}')
  return '\n'.join(lines)


def _state(folder, content):
  if is_locked(folder):
    activity = content.get('activity', 'training')
    if activity != 'training':
      return activity
    return f'training on {_count(content.get("workers", 1), "worker")}'
  if content.get('ended'):
    return 'ended'
  if not (folder / '.lock').exists():
    return 'not started'
  if not find(folder / 'checkpoints'):
    return 'stopped before its first checkpoint; train it again from the start'
  return 'stopped before its end; the same train command resumes it'


def _progress(content, now, is_training):
  step, num_steps = content['step'], content['num_steps']
  lines = [f'step {step} of {num_steps} ({100 * step // num_steps}%)']
  age = now - content['time']
  lines[0] += f', logged {duration(max(0.0, age))} ago'
  left = content['seconds_left']
  if is_training and left is not None and step < num_steps:
    lines[0] += f', {duration(max(0.0, left - age))} left'
  words = []
  if 'bits_per_dim' in content:
    words.append(f'train {_text(content["bits_per_dim"], ".3f")}')
  for name in ('test', 'best'):
    if name in content:
      value = content[name]
      words.append(
        f'{name} {_text(value["bits_per_dim"], ".4f")} (step {value["step"]})'
      )
  if words:
    lines.append(f'bits/dim: {", ".join(words)}')
  speed = ''
  if 'images_per_second' in content:
    speed = f'{_text(content["images_per_second"], ".0f")} images/s, '
  lines.append(speed + _count(content['skipped_steps'], 'skipped step'))
  return lines


def _newest_checkpoint(folder, now):
  found = [x for x in find(folder / 'checkpoints') if x.written is not None]
  if not found:
    return 'no checkpoint yet'
  age = duration(max(0.0, now - found[0].written))
  return f'newest checkpoint: step {found[0].step}, written {age} ago'


def _results(folder):
  try:
    metrics = json.loads((folder / 'metrics.json').read_text())
    lines = [
      f'result: test bits/dim {_text(metrics["test_bits_per_dim"], ".4f")} on '
      f'{metrics["data"]} at step {metrics["step"]}'
    ]
  except (OSError, ValueError, KeyError, TypeError):
    return []
  commands = ('sample', 'reconstruct', 'evaluate', 'demo')
  quoted = shlex.quote(str(folder))
  names = ', '.join(f'`tfp-cinc {name} {quoted}`' for name in commands)
  return [*lines, f'next: {names}']


def _text(value, form):
  return 'not finite' if value is None else format(value, form)


def _count(number, what):
  return f'{number} {what}{"" if number == 1 else "s"}'
