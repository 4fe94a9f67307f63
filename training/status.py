"""How a run stands, from its folder: `python -m training status`.

Worker 0 writes status.json at each log; this reads it, the names of the
checkpoints and whether a process holds the lock. It needs no TensorFlow.
"""

import contextlib
import fcntl
import json
import math
import pathlib
import re
import time

from training import workdir
from training.progress import duration

__all__ = ['add_note', 'describe', 'forget', 'status', 'write_status']

_FILE = 'status.json'
_CHECKPOINT = re.compile(r'.*step_(\d+)')
_NOTES = 10  # are kept


def write_status(
  folder,
  *,
  step: int,
  num_steps: int,
  bits_per_dim: float,
  images_per_second: float,
  seconds_left: float | None = None,
  skipped_steps: int = 0,
  workers: int = 1,
  test_bits_per_dim: float | None = None,
  ended: bool = False,
) -> bool:
  """Replaces status.json.

  What an earlier call said of the test images, and the notes, stay. Trouble
  with the disk stops no training.

  Args:
    folder: the run's workdir.
    step: that is done.
    num_steps: of the whole run.
    bits_per_dim: of the training step.
    images_per_second: of all workers.
    seconds_left: to the end of the run, where it is known.
    skipped_steps: so far.
    workers: how many there are now.
    test_bits_per_dim: where the test images have just been looked at.
    ended: whether the run is done, and not merely interrupted.

  Returns:
    Whether it could be written.
  """
  old = _read(folder)
  content = {
    'step': int(step),
    'num_steps': int(num_steps),
    'bits_per_dim': _number(bits_per_dim),
    'images_per_second': _number(images_per_second),
    'seconds_left': _number(seconds_left),
    'skipped_steps': int(skipped_steps),
    'workers': int(workers),
    'ended': bool(ended),
    'time': time.time(),
    'notes': old.get('notes', []),
  }
  test = {key: old[key] for key in ('test', 'best') if key in old}
  value = _number(test_bits_per_dim)
  if value is not None:
    test['test'] = {'bits_per_dim': value, 'step': int(step)}
    if 'best' not in test or value < test['best']['bits_per_dim']:
      test['best'] = test['test']
  return _write(folder, {**content, **test})


def forget(folder) -> None:
  """Removes what is known of an earlier run.

  Args:
    folder: the workdir.
  """
  pathlib.Path(folder, _FILE).unlink(missing_ok=True)


def add_note(folder, sentence: str) -> bool:
  """Keeps a sentence for `status` to show, with the time; the newest ten.

  Args:
    folder: the run's workdir.
    sentence: what happened: resumed, a worker lost, a checkpoint not written.

  Returns:
    Whether it could be written.
  """
  content = _read(folder)
  note = {'time': time.time(), 'text': sentence.strip()}
  content['notes'] = [*content.get('notes', []), note][-_NOTES:]
  return _write(folder, content)


def status(folder) -> None:
  """Prints how a run stands.

  Args:
    folder: the run's workdir.

  Raises:
    UserError: if there is no run.
  """
  print(describe(folder))


def describe(folder) -> str:
  """How a run stands, as some lines.

  Args:
    folder: the run's workdir, also while it is trained.

  Returns:
    The lines.

  Raises:
    UserError: if there is no run.
  """
  folder = pathlib.Path(folder)
  config = workdir.read_config(folder)
  content, now = _read(folder), time.time()
  lines = [f'{folder}: {_state(folder, content)}']
  if 'step' in content:
    lines += _progress(content, now, _is_locked(folder))
  else:
    lines.append(f'step 0 of {config.train.num_steps}: nothing logged yet')
  lines.append(_checkpoint(folder, now))
  lines += _results(folder)
  for note in content.get('notes', []):
    when = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(note['time']))
    lines.append(f'  {when}  {note["text"]}')
  return '\n'.join(lines)


def _state(folder, content):
  if _is_locked(folder):
    return f'training on {_count(content.get("workers", 1), "worker")}'
  if content.get('ended'):
    return 'ended'
  if not (folder / '.lock').exists():
    return 'not started'
  return 'no process is training it, and it has not ended; train it to resume'


def _progress(content, now, is_training):
  step, num_steps = content['step'], content['num_steps']
  lines = [f'step {step} of {num_steps} ({100 * step // num_steps}%)']
  age = now - content['time']
  lines[0] += f', logged {duration(max(0.0, age))} ago'
  left = content['seconds_left']
  if is_training and left is not None and step < num_steps:
    lines[0] += f', {duration(max(0.0, left - age))} left'
  words = [f'bits/dim: train {_text(content["bits_per_dim"], ".3f")}']
  for name in ('test', 'best'):
    if name in content:
      value = content[name]
      words.append(
        f'{name} {_text(value["bits_per_dim"], ".4f")} (step {value["step"]})'
      )
  lines.append(', '.join(words))
  lines.append(
    f'{_text(content["images_per_second"], ".0f")} images/s, '
    f'{_count(content["skipped_steps"], "skipped step")}'
  )
  return lines


def _checkpoint(folder, now):
  """The newest checkpoint, by its folder's name; those half written are not."""
  found = []
  parent = folder / 'checkpoints'
  for path in parent.iterdir() if parent.is_dir() else ():
    name = _CHECKPOINT.fullmatch(path.name)
    if not name or path.name.startswith('.'):
      continue
    with contextlib.suppress(FileNotFoundError):  # removed just now
      found.append((int(name[1]), path.stat().st_mtime))
  if not found:
    return 'no checkpoint yet'
  step, written = max(found)
  age = duration(max(0.0, now - written))
  return f'newest checkpoint: step {step}, written {age} ago'


def _results(folder):
  try:
    metrics = json.loads((folder / 'metrics.json').read_text())
    return [
      f'result: test bits/dim {_text(metrics["test_bits_per_dim"], ".4f")} on '
      f'{metrics["data"]} at step {metrics["step"]}'
    ]
  except (OSError, ValueError, KeyError, TypeError):
    return []


def _is_locked(folder):
  """Whether a process trains in the folder now; see `workdir.lock`."""
  try:
    with open(folder / '.lock') as file:
      # Shared, for an instant, so that two who ask are not in each other's way.
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
      return False
  except BlockingIOError:
    return True
  except OSError:
    return False


def _read(folder):
  """What status.json holds; nothing where it is missing or not ours."""
  try:
    content = json.loads(pathlib.Path(folder, _FILE).read_text())
  except (OSError, ValueError):
    return {}
  return content if isinstance(content, dict) else {}


def _write(folder, content):
  try:
    workdir.write_json(pathlib.Path(folder, _FILE), content)
  except OSError:
    return False
  return True


def _number(value):
  """A float, None where it is missing or not finite, which JSON has not."""
  if value is None or not math.isfinite(float(value)):
    return None
  return float(value)


def _text(value, form):
  return 'not finite' if value is None else format(value, form)


def _count(number, what):
  return f'{number} {what}{"" if number == 1 else "s"}'
