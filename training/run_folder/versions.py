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
  return {
    'python': platform.python_version(),
    **{package: _version(package) for package in packages},
  }


def _version(package):
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    pass
  # Another distribution may contain it, such as tf-nightly or tensorflow-cpu.
  module = package.replace('-', '_')
  names = importlib.metadata.packages_distributions().get(module)
  return importlib.metadata.version(names[0]) if names else None


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
