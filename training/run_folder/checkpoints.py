"""Checkpoints of a run, written in the background."""

import concurrent.futures
import contextlib
import math
import os
import pathlib
import re
import shutil
import time

import tensorflow as tf

from ..errors import UserError
from . import manifest, snapshots
from .checkpoint_list import STATE, find

__all__ = ['Checkpoints']


class Checkpoints:
  """Keeps the newest checkpoints of a run and the best one, a folder each.

  `save` copies the values and returns. A thread writes them to a temporary
  folder with a manifest, which lists the sizes and SHA-256 sums of the files,
  then syncs and renames the folder. A folder `step_...` is therefore complete,
  and the sums reveal later damage of the disk. The manifests also hold the
  metrics, so no other file decides which checkpoint is the best.

  A full disk or a disk error does not stop the training. It is reported, and
  the next save tries again.
  """

  def __init__(self, folder, keep: int, *, say=print, **objects):
    """Prepares saving; nothing is written yet.

    Args:
      folder: Folder of the checkpoints.
      keep: Number of the newest checkpoints to keep, at least 1.
      say: Called with a sentence when writing starts to fail and when it works
        again, from the thread that writes.
      **objects: Objects to save: modules, optimizers, variables.
    """
    self._folder = pathlib.Path(folder)
    self._keep = keep
    self._say = say
    self._objects = objects
    self._checkpoint = tf.train.Checkpoint(**objects)
    self._snapshots = snapshots.Snapshots(self._checkpoint)
    # Its thread finishes before the process ends, even after an error.
    self._writer = concurrent.futures.ThreadPoolExecutor(1, 'checkpoints')
    self._writing = None
    self._failing = None  # the reason that was reported last
    self._damaged = set()  # names of checkpoints found damaged when restoring
    self._saved_step = None

  @property
  def saved_step(self) -> int | None:
    """The last step that was restored or completely written to disk."""
    return self._saved_step

  def save(self, step: int, metric: float | None = None) -> None:
    """Copies the present values and writes them in the background.

    First waits until the previous save is written. Afterwards all checkpoints
    except the newest `keep` and the best are removed.

    Args:
      step: Present step.
      metric: Test bits/dim, lower is better; None or NaN if not known.
    """
    self.wait()
    values = self._snapshots.take()
    self._writing = self._writer.submit(self._try_write, step, metric, values)

  def wait(self) -> bool:
    """Waits until the last save is written.

    Returns:
      False if it could not be written, which is reported through `say`.
    """
    return self._writing is None or self._writing.result()

  def restore(self, say=None) -> int | None:
    """Restores the newest intact checkpoint.

    Args:
      say: Called with a sentence for each damaged checkpoint. None uses that of
        the constructor.

    Returns:
      Its step; None if there is no checkpoint.

    Raises:
      UserError: If all checkpoints are damaged, or the newest intact one does
        not fit the objects.
    """
    self.wait()
    return self._restore_first(find(self._folder), say or self._say)

  def restore_best(self, say=None) -> int | None:
    """Restores the intact checkpoint with the lowest metric.

    Args:
      say: See `restore`.

    Returns:
      Its step; None if no checkpoint has a metric.

    Raises:
      UserError: See `restore`.
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
      say(f'{found.path} is damaged ({fault}); trying the one before it.')
    if candidates:
      raise UserError(
        f'none of the {len(candidates)} checkpoints in {self._folder} is '
        'intact; move this folder away to start from the beginning.'
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
          f'{found.path} was written by another version of this code, without '
          f'{" and ".join(lacking)}; continue with that version, or use '
          'another --workdir.'
        )
      status = self._checkpoint.read(found.prefix)
      # Keeps TensorFlow from warning about each value that is not used here.
      status.expect_partial()
      status.assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
      reason = str(error).splitlines()[0]
      if isinstance(error, AssertionError):  # its message prints all values
        reason = 'some weights are missing.'
      raise UserError(
        f'{found.path} belongs to another flow or another version of this '
        f'code: {reason}'
      ) from None

  def _try_write(self, step, metric, values):
    """Returns whether writing worked; reports a change of this."""
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
      self._say(f'Writing checkpoints works again, since step {step}.')
    self._failing = None
    self._saved_step = step
    # If this fails, the next save tries again.
    with contextlib.suppress(OSError, UserError):
      self._remove_old(step)
    return True

  def _write(self, step, metric, values):
    self._folder.mkdir(parents=True, exist_ok=True)
    for remains in self._folder.glob('.tmp_*'):
      shutil.rmtree(remains, ignore_errors=True)  # left by a killed run
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
    """Renames it; keeps one of the same step until the new one is in place."""
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
    # Newer ones are damaged; otherwise training would have resumed from them.
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
    """Removes a folder. Renames it first, so that a rest of it is not used."""
    aside = self._folder / f'.tmp_removed_{path.name}'
    os.rename(path, aside)
    shutil.rmtree(aside)


def _has_variables(value):
  objects = tf.train.TrackableView(value).descendants()
  return any(isinstance(x, tf.Variable) for x in objects)


def _reason(error):
  """Returns the reason of the system, without the path of the attempt."""
  if isinstance(error, OSError):
    return error.strerror or str(error)
  message = re.sub(r'\s*\[Op:.*', '', str(error.message).splitlines()[0])
  return message.rpartition('; ')[2]
