"""Checkpoints that are whole or not there, written beside the training."""

import concurrent.futures
import contextlib
import math
import os
import pathlib
import re
import shutil
import time

import tensorflow as tf

from training import manifest, snapshots
from training.errors import UserError
from training.found import STATE, find

__all__ = ['Checkpoints']


class Checkpoints:
  """The newest checkpoints of a run and its best, one folder each.

  `save` copies the values and returns; a thread writes them to a temporary
  folder with a manifest of its files' sizes and SHA-256 sums, syncs and renames
  it: a folder `step_...` is whole unless the disk has damaged it, which the
  sums tell. Which one is the best follows from the manifests, in which the
  metrics are; there is no other file that could disagree with them.

  A disk that is full or refuses stops nothing: it is said, and the next save
  tries again.
  """

  def __init__(self, folder, keep: int, *, say=print, **objects):
    """Prepares; nothing is written.

    Args:
      folder: the folder of the checkpoints.
      keep: how many of the newest to keep, at least 1.
      say: called with a sentence when writing begins to fail, and when it
        works again; from the thread that writes.
      **objects: what they hold: modules, optimizers, variables.
    """
    self._folder = pathlib.Path(folder)
    self._keep = keep
    self._say = say
    self._objects = objects
    self._checkpoint = tf.train.Checkpoint(**objects)
    self._snapshots = snapshots.Snapshots(self._checkpoint)
    # Its thread is waited for when the process ends, by whatever error.
    self._writer = concurrent.futures.ThreadPoolExecutor(1, 'checkpoints')
    self._writing = None
    self._failing = None  # the reason that was said last
    self._damaged = set()  # found when restoring
    self._saved_step = None

  @property
  def saved_step(self) -> int | None:
    """The step saved or restored last, of which the disk has all."""
    return self._saved_step

  def save(self, step: int, metric: float | None = None) -> None:
    """Copies the values as they are now, and lets them be written.

    Waits first for the write before this one. When it is written, those past
    the newest `keep` are removed, except the best.

    Args:
      step: number of the step.
      metric: test bits/dim, lower is better; None or NaN where not known.
    """
    self.wait()
    values = self._snapshots.take()
    self._writing = self._writer.submit(self._try_write, step, metric, values)

  def wait(self) -> bool:
    """Waits until the last save is written.

    Returns:
      False if it could not be written, which `say` was told.
    """
    return self._writing is None or self._writing.result()

  def restore(self, say=None) -> int | None:
    """Restores the newest whole checkpoint.

    Args:
      say: called with a sentence for each checkpoint that is not whole; None
        for that of the constructor.

    Returns:
      Its step, or None where there is no checkpoint.

    Raises:
      UserError: if there are checkpoints and none is whole, or the first that
        is whole holds other objects.
    """
    self.wait()
    return self._restore_first(find(self._folder), say or self._say)

  def restore_best(self, say=None) -> int | None:
    """Restores the whole checkpoint with the lowest metric.

    Args:
      say: as that of `restore`.

    Returns:
      Its step, or None where no checkpoint has a metric.

    Raises:
      UserError: as `restore`.
    """
    self.wait()
    best_first = sorted(
      (found for found in find(self._folder) if found.metric is not None),
      key=lambda found: found.metric,
    )
    return self._restore_first(best_first, say or self._say)

  def _restore_first(self, candidates, say):
    for found in candidates:
      fault = found.fault()
      if fault is None:
        self._read(found)
        self._saved_step = found.step
        return found.step
      self._damaged.add(found.path.name)
      say(f'{found.path} is not whole ({fault}); trying the one before it.')
    if candidates:
      raise UserError(
        f'none of the {len(candidates)} checkpoints in {self._folder} is whole;'
        ' move this folder away to start from the beginning.'
      )
    return None

  def _read(self, found):
    try:
      keys = tf.train.load_checkpoint(found.prefix).get_variable_to_shape_map()
      held = {key.split('/')[0] for key in keys}
      lacking = [
        name
        for name, value in self._objects.items()
        if name not in held and _has_variables(value)
      ]
      if lacking:
        raise UserError(
          f'{found.path} holds no {" and no ".join(lacking)}: it is of another '
          'version of this code; go on with that version, or take another '
          '--workdir.'
        )
      status = self._checkpoint.read(found.prefix)
      # Else TensorFlow warns of each value that has no place here.
      status.expect_partial()
      status.assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
      reason = str(error).splitlines()[0]
      if isinstance(error, AssertionError):  # with the values of Variables
        reason = 'some of the weights that this code has are not in it.'
      raise UserError(
        f'{found.path} is of another flow or another version of this code: '
        f'{reason}'
      ) from None

  def _try_write(self, step, metric, values):
    """Whether it could be written; says it where that has changed."""
    try:
      self._write(step, metric, values)
    except (OSError, tf.errors.OpError) as error:
      reason = _reason(error)
      if reason != self._failing:
        self._say(
          f'The checkpoint of step {step} could not be written to '
          f'{self._folder}: {reason}; the next save tries again.'
        )
      self._failing = reason
      return False
    if self._failing is not None:
      self._say(f'Checkpoints are written again, from step {step} on.')
    self._failing = None
    self._saved_step = step
    # What cannot be removed now is removed after the next one.
    with contextlib.suppress(OSError, UserError):
      self._remove_old(step)
    return True

  def _write(self, step, metric, values):
    self._folder.mkdir(parents=True, exist_ok=True)
    for remains in self._folder.glob('.tmp_*'):
      shutil.rmtree(remains, ignore_errors=True)  # of a run that was killed
    name = f'step_{step:09d}'
    temporary = self._folder / f'.tmp_{name}'
    try:
      temporary.mkdir()
      snapshots.write(values, str(temporary / STATE))
      known = metric is not None and math.isfinite(metric)
      manifest.seal(
        temporary,
        step=step,
        metric=float(metric) if known else None,
        written=time.time(),
      )
      self._put_in_place(temporary, self._folder / name)
    except BaseException:
      shutil.rmtree(temporary, ignore_errors=True)
      raise
    self._damaged.discard(name)

  def _put_in_place(self, temporary, final):
    """Renames it; one of the same step stays until the new one is there."""
    replaced = final.with_name(f'{final.name}.replaced')
    if final.exists():
      if manifest.fault(final) is None:
        if replaced.exists():
          self._remove(replaced)
        os.rename(final, replaced)
      else:
        self._remove(final)
    os.rename(temporary, final)
    manifest.sync(self._folder)
    if replaced.exists():
      self._remove(replaced)

  def _remove_old(self, step):
    # Newer ones are damaged, or this step would not have been trained again.
    older = [found for found in find(self._folder) if found.step <= step]
    best = min(
      (
        found
        for found in older
        if found.metric is not None and found.path.name not in self._damaged
      ),
      key=lambda found: found.metric,
      default=None,
    )
    for found in older[self._keep :]:
      if found != best:
        self._remove(found.path)

  def _remove(self, path):
    """Renames it first: half a folder must not look like a damaged one."""
    aside = self._folder / f'.tmp_removed_{path.name}'
    os.rename(path, aside)
    shutil.rmtree(aside)


def _has_variables(value):
  objects = tf.train.TrackableView(value).descendants()
  return any(isinstance(x, tf.Variable) for x in objects)


def _reason(error):
  """What the system said, without the paths, which differ at every save."""
  if isinstance(error, OSError):
    return error.strerror or str(error)
  message = re.sub(r'\s*\[Op:.*', '', str(error.message).splitlines()[0])
  return message.rpartition('; ')[2]
