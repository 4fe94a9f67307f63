"""The checkpoints in a folder, intact or damaged."""

import dataclasses
import os
import pathlib
import re

from ..errors import UserError
from . import manifest

__all__ = ['STATE', 'Found', 'find']

STATE = 'state'  # prefix of the names of TensorFlow's files

# `.replaced` exists only while a checkpoint of the same step takes its place.
_NAME = re.compile(r'step_(\d+)(\.replaced)?')


@dataclasses.dataclass(frozen=True)
class Found:
  """A checkpoint in a folder, intact or damaged.

  Attributes:
    path: Folder of the checkpoint.
    step: Step of the checkpoint.
    metric: Test bits/dim; None if not known.
    written: Time of writing in seconds since 1970; None if the manifest is
      damaged.
    size: Total size of the files in bytes.
  """

  path: pathlib.Path
  step: int
  metric: float | None
  written: float | None
  size: int

  @property
  def prefix(self) -> str:
    """The argument of `tf.train.load_checkpoint`."""
    return str(self.path / STATE)

  def fault(self) -> str | None:
    """Reads all files; returns the damage in a few words, None if intact."""
    return manifest.fault(self.path)


def find(folder) -> list[Found]:
  """Lists the checkpoints in a folder, intact or damaged.

  Only their manifests are read.

  Args:
    folder: The folder, which need not exist.

  Returns:
    A list of `Found`, newest first.

  Raises:
    UserError: If the folder exists but cannot be listed.
  """
  folder = pathlib.Path(folder)
  try:
    names = sorted(os.listdir(folder))
  except FileNotFoundError:
    return []
  except OSError as error:
    raise UserError(
      f'{folder} cannot be read as a folder of checkpoints: {error.strerror}.'
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
  # A checkpoint comes before the `.replaced` one of the same step.
  return sorted(result, key=lambda found: found.step, reverse=True)
