"""Configurations by name or by file, and the overrides of a command line."""

import importlib
import pathlib
import runpy
from collections.abc import Iterable

import ml_collections

from ..errors import UserError, did_you_mean
from .options import OPTIONS, Option

__all__ = ['config_names', 'load_config', 'override']

_FOLDER = pathlib.Path(__file__).parent
_FOLDERS = ('', 'conditional', 'papers', 'pretrained')


def config_names(folder: str | None = None) -> list[str]:
  """Returns the names of the configurations of this package, sorted.

  Args:
    folder: The only folder whose configurations are listed, one of '',
      'conditional', 'papers' and 'pretrained'. None lists all of them.
  """
  return sorted(_modules(_FOLDERS if folder is None else [folder]))


def load_config(name: str) -> ml_collections.ConfigDict:
  """Loads a configuration.

  Args:
    name: Name of a configuration of this package, such as 'cinc_photos', or
      path of a Python file that defines `get_config()`.

  Returns:
    The configuration.

  Raises:
    UserError: If there is no such configuration.
  """
  modules = _modules()
  path = pathlib.Path(name)
  if name not in modules and path.suffix != '.py':
    raise UserError(
      f'there is no configuration {name!r}{did_you_mean(name, modules)}; give '
      'one of the names that `tfp-cinc configs` lists, or a Python file.'
    )
  try:
    if name in modules:
      return importlib.import_module(modules[name], __package__).get_config()
    if path.resolve().is_relative_to(_FOLDER.resolve()):
      return load_config(path.stem)
    if path.exists() and not path.is_file():  # a pipe would be waited for
      raise UserError(
        f'{name} is not a file; give a Python file that defines get_config().'
      )
    return runpy.run_path(name)['get_config']()
  except UserError:
    raise
  except Exception as error:  # whatever the file of a user raises
    raise UserError(
      f'{name} is not a configuration, a Python file that defines '
      f'get_config(): {type(error).__name__}: {error}.'
    ) from None


def override(
  config: ml_collections.ConfigDict, values: Iterable[tuple[str, str]]
) -> None:
  """Sets values of a configuration from the texts of a command line.

  Args:
    config: The configuration. It is changed.
    values: Pairs of a key, such as 'train.num_steps', and a text.

  Raises:
    UserError: If a key is unknown or a text is not a valid value.
  """
  for key, text in values:
    section, _, name = key.rpartition('.')
    part = config.get(section) if section else config
    if (
      part is None
      or name not in part
      or isinstance(part.get(name), ml_collections.ConfigDict)
    ):
      known = [f'--config.{known_key}' for known_key in OPTIONS]
      raise UserError(
        f'there is no option --config.{key}'
        f'{did_you_mean(f"--config.{key}", known)}.'
      )
    # A configuration of a user may have values that the table does not have.
    option = OPTIONS.get(key)
    if option is None:
      option = Option(key, part.get_type(name), part[name], '')
    if option.type not in (int, float, bool, str):
      raise UserError(
        f'config.{key} is a {option.type.__name__}, which cannot be set by an '
        'option; set it in the configuration file.'
      )
    part[name] = option.parse(text)


def _modules(folders=_FOLDERS):
  """Returns the relative module names of configurations, by name."""
  found = {}
  for folder in folders:
    for path in (_FOLDER / folder).glob('[a-z]*_*.py'):
      found[path.stem] = f'.{folder}.{path.stem}'.replace('..', '.')
  return found
