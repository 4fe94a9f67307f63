"""The checkpoints that are in a folder, whole or not."""

import dataclasses
import os
import pathlib
import re

from training import manifest
from training.errors import UserError

__all__ = ['STATE', 'Found', 'find']

STATE = 'state'  # the beginning of the names of TensorFlow's files

# `.replaced` is there for the moment in which a step is written once more.
_NAME = re.compile(r'step_(\d+)(\.replaced)?')


@dataclasses.dataclass(frozen=True)
class Found:
  """A checkpoint in a folder, whole or not.

  Attributes:
    path: its own folder.
    step: number of its step.
    metric: of its test bits/dim, None where none is known.
    written: when, in seconds since 1970; None where its manifest is damaged.
    size: of its files in bytes.
  """

  path: pathlib.Path
  step: int
  metric: float | None
  written: float | None
  size: int

  @property
  def prefix(self) -> str:
    """What `tf.train.load_checkpoint` takes."""
    return str(self.path / STATE)

  def fault(self) -> str | None:
    """Reads all of it; what is wrong in a few words, None where it is whole."""
    return manifest.fault(self.path)


def find(folder) -> list[Found]:
  """The checkpoints in a folder, whole or not.

  Args:
    folder: the folder, which need not exist.

  Returns:
    The newest first. Of their files only the manifests are read.

  Raises:
    UserError: if the folder is there and cannot be listed.
  """
  folder = pathlib.Path(folder)
  try:
    names = sorted(os.listdir(folder))
  except FileNotFoundError:
    return []
  except OSError as error:
    raise UserError(
      f'{folder} cannot be read as the folder of checkpoints: {error.strerror}.'
    ) from None
  result = []
  for name in names:
    match = _NAME.fullmatch(name)
    if match:
      path = folder / name
      content = manifest.read(path) or {}
      files = content.get('files', {}).values()
      result.append(
        Found(
          path=path,
          step=int(match[1]),
          metric=content.get('metric'),
          written=content.get('written'),
          size=sum(size for size, _ in files),
        )
      )
  # One that replaces another comes before it.
  return sorted(result, key=lambda found: found.step, reverse=True)
