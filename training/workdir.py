"""The folder of a run: its configuration and what is written beside it."""

import contextlib
import errno
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import tempfile

import ml_collections

from training.errors import UserError
from training.found import find

__all__ = [
  'check_config',
  'check_flow',
  'facts',
  'flat',
  'lock',
  'read_config',
  'replace_file',
  'versions',
  'write_config',
  'write_json',
]

# What a run may be continued with another value of: what neither the weights'
# shapes nor the meaning of what is measured depends on.
_MAY_CHANGE = (
  'data.cache_dir',
  'data.cache_mb',
  'eval.batch_size',
  'eval.noise_draws',
  'flow.memory',
  'flow.network_dtype',
  'train.accumulate',
  'train.batch_size',
  'train.checkpoint_every',
  'train.clip_norm',
  'train.commit_every',
  'train.eval_every',
  'train.keep_checkpoints',
  'train.learning_rate',
  'train.log_every',
  'train.max_minutes',
  'train.max_skipped',
  'train.num_steps',
)

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


def check_config(config, workdir: str) -> list[str]:
  """Raises `UserError` where a workdir holds a run of another configuration.

  A run may go on with another length, learning rate or batch size, and with
  what decides about memory and records alone. One that has neither a checkpoint
  nor results yet is begun anew, with any.

  Args:
    config: the configuration of the run to start.
    workdir: the folder, which need not exist.

  Returns:
    What differs from the run that goes on, as 'train.num_steps 6 -> 9'.
  """
  path = pathlib.Path(workdir, 'config.json')
  if not _has_results(path.parent):
    return []
  old = flat(_read_json(path)['config'])
  new = flat(config.to_dict())
  changed = {
    key: f'{key} {old.get(key, "(none)")!r} -> {new.get(key, "(none)")!r}'
    for key in sorted(old.keys() | new.keys())
    if old.get(key) != new.get(key)
  }
  refused = [text for key, text in changed.items() if key not in _MAY_CHANGE]
  if refused:
    raise UserError(
      f'{workdir} holds a run of another configuration ({"; ".join(refused)}); '
      'take another --workdir, or the same values.'
    )
  return list(changed.values())


def read_config(workdir: str) -> ml_collections.ConfigDict:
  """The configuration of the run in a folder.

  Args:
    workdir: the folder.

  Returns:
    The configuration as it was used last.

  Raises:
    UserError: if there is no run.
  """
  path = pathlib.Path(workdir, 'config.json')
  if not path.exists():
    raise UserError(f'{workdir} holds no run: there is no {path}.')
  return ml_collections.ConfigDict(_read_json(path)['config'])


def check_flow(path: str) -> None:
  """Raises `UserError` where a folder is neither a run's nor a SavedModel's.

  Args:
    path: the folder.

  Raises:
    UserError: naming what a flow could be in.
  """
  files = [pathlib.Path(path, x) for x in ('config.json', 'saved_model.pb')]
  if not any(file.exists() for file in files):
    raise UserError(
      f'{path} holds no run and no SavedModel: there is neither {files[0]} nor '
      f'{files[1]}.'
    )


def write_config(config, workdir: str) -> None:
  """Writes config.json: all values, the packages' versions, the git commit.

  Versions and commit stay those of the run's start when it goes on.

  Args:
    config: the configuration.
    workdir: the folder, made where it is missing.
  """
  path = pathlib.Path(workdir, 'config.json')
  content = {'config': config.to_dict()}
  if _has_results(path.parent):
    old = _read_json(path)
    if flat(old['config']) == flat(content['config']):
      return
    content = {**old, **content}
  else:
    content.update(versions=versions(), git_commit=_git_commit())
  write_json(path, content)


def facts(config) -> dict[str, object]:
  """What all workers of a run must have in common: name -> value."""
  values = {f'config.{key}': v for key, v in flat(config.to_dict()).items()}
  return {**values, **versions()}


def versions(packages=_PACKAGES) -> dict[str, str | None]:
  """The versions of Python and of packages; None where one is missing."""
  found = {'python': platform.python_version()}
  for package in packages:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      found[package] = None
  return found


@contextlib.contextmanager
def lock(workdir: str, instead: str = 'take another --workdir'):
  """Holds a folder against other runs, as long as this process lives.

  A file system that has no locks holds nothing against anyone.

  Args:
    workdir: the folder, made where it is missing.
    instead: what the user can do but to wait.

  Raises:
    UserError: if another process holds it, or it cannot be written.
  """
  path = pathlib.Path(workdir, '.lock')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
  except OSError as error:
    raise UserError(
      f'{workdir} cannot be written ({error.strerror}); {instead}.'
    ) from None
  with open(path, 'r+') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise UserError(
        f'another process is training in {workdir}; wait for its end, or '
        f'{instead}.'
      ) from None
    except OSError as error:
      if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        raise
    yield


def write_json(path, value) -> None:
  """Writes a JSON file whole or not at all."""
  text = json.dumps(value, indent=2, sort_keys=True) + '\n'
  replace_file(path, text.encode())


def replace_file(path, content: bytes) -> None:
  """Writes a file under a temporary name, then renames it."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}-')
  try:
    with os.fdopen(handle, 'wb') as file:
      file.write(content)
      file.flush()
      os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
  except BaseException:
    os.unlink(temporary)
    raise


def _read_json(path):
  try:
    content = json.loads(path.read_text())
    content['config'].items()
  except (ValueError, KeyError, TypeError, AttributeError):
    raise UserError(
      f'{path} is not the configuration of a run; move it away.'
    ) from None
  return content


def flat(values: dict, prefix: str = '') -> dict:
  """{'a': {'b': 1}} -> {'a.b': 1}, with lists for tuples as in JSON."""
  result = {}
  for key, value in values.items():
    if isinstance(value, dict):
      result.update(flat(value, f'{prefix}{key}.'))
    else:
      result[prefix + key] = list(value) if isinstance(value, tuple) else value
  return result


def _has_results(folder):
  """Whether there is something of a run that another one would replace."""
  if not (folder / 'config.json').exists():
    return False
  ended = ('metrics.json', 'saved_model')
  return any((folder / name).exists() for name in ended) or bool(
    find(folder / 'checkpoints')
  )


def _git_commit():
  """The commit of the checkout, '+' where it is changed; None outside one."""
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
