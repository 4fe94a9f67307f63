"""Prints the installed packages as constraints, for `constraints/tf*.txt`.

Run it with the Python of an environment in which all tests pass. A version that
does not support some Python gets a marker, so that this Python takes another
version.
"""

import importlib.metadata
import platform

from packaging.specifiers import SpecifierSet

_PYTHONS = ('3.10', '3.11', '3.12', '3.13')
# The project itself, and what each environment or a build of ours provides.
_NOT_LISTED = ('horovod', 'pip', 'tfp-cinc', 'tfp_cinc')


def main():
  """Prints one line for each package."""
  packages = {
    package.metadata['Name']: package
    for package in importlib.metadata.distributions()
  }
  print(
    '# The versions that are tested together, written by constraints/freeze.py '
    f'on Python\n# {platform.python_version()}.'
  )
  for name in sorted(packages, key=str.lower):
    if name in _NOT_LISTED:
      continue
    package = packages[name]
    needs = SpecifierSet(package.metadata.get('Requires-Python') or '')
    others = [python for python in _PYTHONS if f'{python}.99' not in needs]
    marker = ' and '.join(f"python_version != '{python}'" for python in others)
    print(f'{name}=={package.version}' + (f'; {marker}' if marker else ''))


if __name__ == '__main__':
  main()
