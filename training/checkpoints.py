"""Checkpoints that are whole or not there."""

import hashlib
import json
import os
import pathlib
import re
import shutil

import tensorflow as tf

from training.errors import UserError

__all__ = ['Checkpoints']

_MANIFEST = 'manifest.json'
_NAME = re.compile(r'step_(\d+)')


class Checkpoints:
  """The newest checkpoints of a run, one folder each.

  A checkpoint is written to a temporary folder with a manifest of its files'
  sizes and SHA-256 sums, synced, and renamed: a folder `step_...` is whole
  unless the disk has damaged it, which the sums tell.
  """

  def __init__(self, folder, keep: int, **objects):
    """Prepares; nothing is written.

    Args:
      folder: the folder of the checkpoints.
      keep: how many of the newest to keep, at least 1.
      **objects: what they hold: modules, optimizers, variables.
    """
    self._folder = pathlib.Path(folder)
    self._keep = keep
    self._checkpoint = tf.train.Checkpoint(**objects)

  def save(self, step: int) -> None:
    """Writes the checkpoint of a step, then removes those past `keep`.

    Args:
      step: number of the step.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    for remains in self._folder.glob('.tmp_*'):
      shutil.rmtree(remains, ignore_errors=True)  # of a run that was killed
    temporary = self._folder / f'.tmp_step_{step:09d}'
    temporary.mkdir()
    self._checkpoint.write(str(temporary / 'state'))
    manifest = {
      path.name: {'size': path.stat().st_size, 'sha256': _sha256(path)}
      for path in sorted(temporary.iterdir())
    }
    (temporary / _MANIFEST).write_text(
      json.dumps({'step': step, 'files': manifest}, indent=2) + '\n'
    )
    for path in [*temporary.iterdir(), temporary]:
      _sync(path)
    final = self._folder / f'step_{step:09d}'
    if final.exists():
      shutil.rmtree(final)
    os.rename(temporary, final)
    _sync(self._folder)
    # Newer ones are damaged, or this step would not have been trained again.
    older = [path for path in self._all() if path.name < final.name]
    for old in older[self._keep - 1 :]:
      shutil.rmtree(old)

  def restore(self, say=print) -> int | None:
    """Restores the newest whole checkpoint.

    Args:
      say: called with a sentence for each checkpoint that is not whole.

    Returns:
      Its step, or None where there is no checkpoint.

    Raises:
      UserError: if there are checkpoints and none is whole.
    """
    folders = self._all()
    for folder in folders:
      fault = _fault(folder)
      if fault is None:
        self._read(folder)
        return int(_NAME.fullmatch(folder.name)[1])
      say(f'{folder} is not whole ({fault}); trying the one before it.')
    if folders:
      raise UserError(
        f'none of the {len(folders)} checkpoints in {self._folder} is whole; '
        'move this folder away to start from the beginning.'
      )
    return None

  def _read(self, folder):
    try:
      status = self._checkpoint.read(str(folder / 'state'))
      status.assert_existing_objects_matched()
    except (AssertionError, ValueError) as error:
      reason = str(error).splitlines()[0]
      raise UserError(
        f'{folder} is of another flow or another version of this code: {reason}'
      ) from None

  def _all(self):
    """The folders of all checkpoints, the newest first."""
    if not self._folder.is_dir():
      return []
    return sorted(
      (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)),
      reverse=True,
    )


def _fault(folder):
  """What is wrong with a checkpoint, or None where it is whole."""
  try:
    files = json.loads((folder / _MANIFEST).read_text())['files']
  except (OSError, ValueError, KeyError, TypeError):
    return f'no readable {_MANIFEST}'
  for name, expected in files.items():
    path = folder / name
    if not path.is_file():
      return f'{name} is missing'
    if path.stat().st_size != expected['size']:
      return f'{name} has {path.stat().st_size} bytes of {expected["size"]}'
    if _sha256(path) != expected['sha256']:
      return f'{name} has another checksum than when it was written'
  return None


def _sha256(path):
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _sync(path):
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)
