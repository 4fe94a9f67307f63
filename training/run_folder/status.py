"""status.json, the progress of a run.

Worker 0 writes it at each log; `tfp-cinc status` shows it.
"""

import json
import math
import pathlib
import time

from .files import write_json

__all__ = ['add_note', 'forget', 'read_status', 'set_activity', 'write_status']

_FILE = 'status.json'
_NUM_NOTES = 10  # the newest notes are kept
_COUNTS = ('step', 'num_steps', 'skipped_steps', 'time')
_LOGGED = ('bits_per_dim', 'images_per_second')  # missing before the first log
_LARGEST = 1e11  # of a number, such as seconds since 1970


def write_status(
  folder,
  *,
  step: int,
  num_steps: int,
  bits_per_dim: float | None = None,
  images_per_second: float | None = None,
  seconds_left: float | None = None,
  skipped_steps: int = 0,
  workers: int = 1,
  test_bits_per_dim: float | None = None,
  ended: bool = False,
) -> bool:
  """Replaces status.json.

  The notes stay, as do the last and best test bits/dim of earlier calls. The
  activity is again 'training'. A disk error does not stop the training.

  Args:
    folder: The folder of the run.
    step: Number of completed steps.
    num_steps: Number of steps of the whole run.
    bits_per_dim: Bits/dim of the last training step; None keeps that of the
      last call, if any.
    images_per_second: Training speed of all workers since the last log; None
      keeps that of the last call, if any.
    seconds_left: Seconds to the end of the run, if known.
    skipped_steps: Number of skipped steps so far.
    workers: Present number of workers.
    test_bits_per_dim: Test bits/dim, if they were computed at this step.
    ended: Whether the run is complete, not only interrupted.

  Returns:
    Whether the file was written.
  """
  old = read_status(folder)
  content = {
    'step': int(step),
    'num_steps': int(num_steps),
    'seconds_left': _json_number(seconds_left),
    'skipped_steps': int(skipped_steps),
    'workers': int(workers),
    'ended': bool(ended),
    'time': time.time(),
    'notes': old.get('notes', []),
  }
  logged = {key: old[key] for key in _LOGGED if key in old}
  new = dict(zip(_LOGGED, (bits_per_dim, images_per_second), strict=True))
  logged.update(
    {key: _json_number(x) for key, x in new.items() if x is not None}
  )
  test = {key: old[key] for key in ('test', 'best') if key in old}
  value = _json_number(test_bits_per_dim)
  if value is not None:
    test['test'] = {'bits_per_dim': value, 'step': int(step)}
    if 'best' not in test or value < test['best']['bits_per_dim']:
      test['best'] = test['test']
  return _write(folder, {**content, **logged, **test})


def set_activity(folder, activity: str) -> bool:
  """Notes what the process that holds the lock of the folder does.

  Args:
    folder: The folder of the run.
    activity: 'training', or for example 'evaluating and exporting'.

  Returns:
    Whether the file was written.
  """
  return _write(folder, {**read_status(folder), 'activity': activity})


def forget(folder) -> None:
  """Removes the status of an earlier run.

  Args:
    folder: The folder of the run.
  """
  pathlib.Path(folder, _FILE).unlink(missing_ok=True)


def add_note(folder, sentence: str) -> bool:
  """Adds a note with the time; the newest ten notes are kept.

  Args:
    folder: The folder of the run.
    sentence: What happened, for example that the run was resumed.

  Returns:
    Whether the file was written.
  """
  content = read_status(folder)
  note = {'time': time.time(), 'text': sentence.strip()}
  content['notes'] = [*content.get('notes', []), note][-_NUM_NOTES:]
  return _write(folder, content)


def read_status(folder) -> dict:
  """Returns the content of status.json, {} if it is missing or damaged.

  Args:
    folder: The folder of the run.
  """
  try:
    content = json.loads(pathlib.Path(folder, _FILE).read_text())
  except (OSError, ValueError, RecursionError):
    return {}
  return content if _is_status(content) else {}


def _is_status(content):
  """Returns whether the content of a file has the form that is written."""
  try:
    notes = content.get('notes', [])
    tests = [content[key] for key in ('test', 'best') if key in content]
    counts = [content.get('workers', 1), *(note['time'] for note in notes)]
    counts += [test['step'] for test in tests]
    numbers = [test['bits_per_dim'] for test in tests]
    if 'step' in content:
      counts += [content[key] for key in _COUNTS]
      numbers += [content['seconds_left'], *map(content.get, _LOGGED)]
    return (
      all(_is_number(count) and count >= 0 for count in counts)
      and all(number is None or _is_number(number) for number in numbers)
      and all(isinstance(note['text'], str) for note in notes)
      and isinstance(content.get('activity', ''), str)
      and content.get('num_steps', 1) >= 1
    )
  except (AttributeError, KeyError, TypeError):
    return False


def _is_number(value):
  return isinstance(value, int | float) and abs(value) < _LARGEST


def _write(folder, content):
  try:
    write_json(pathlib.Path(folder, _FILE), content)
  except OSError:
    return False
  return True


def _json_number(value):
  """Returns a float; None if it is missing or not finite."""
  if value is None or not math.isfinite(float(value)):
    return None
  return float(value)
