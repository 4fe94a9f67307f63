"""Versions of the software."""

import importlib.metadata
import pathlib
import platform
import subprocess

__all__ = ['git_commit', 'package_versions']

_PACKAGES = (
  'tfp_cinc',
  'tensorflow',
  'tf_keras',
  'tensorflow-probability',
  'tensorflow-datasets',
  'horovod',
  'numpy',
  'scikit-learn',
)


def package_versions(packages=_PACKAGES) -> dict[str, str | None]:
  """Returns the versions of Python and packages; None if one is missing."""
  found = {'python': platform.python_version()}
  for package in packages:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      found[package] = None
  return found


def git_commit():
  """Returns the git commit of this checkout, or None if it is not in one.

  A '+' at the end marks uncommitted changes.
  """
  command = ['git', 'describe', '--always', '--abbrev=40', '--dirty=+']
  command += ['--exclude=*']
  folder = pathlib.Path(__file__).parent
  try:
    result = subprocess.run(
      command, cwd=folder, capture_output=True, text=True, check=True
    )
  except (OSError, subprocess.CalledProcessError):
    return None
  return result.stdout.strip()
