"""Reads and writes the results of runs, one JSON file for each."""

import dataclasses
import datetime
import hashlib
import json
import pathlib
import re

from benchmarks import report
from benchmarks.bits_per_dim.data_set import DataSet
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions
from training.run_folder.files import write_json
from training.run_folder.versions import package_versions

__all__ = ['Job', 'Records', 'about', 'versions']

# Increment it if the same options give other results, or if the content of the
# records changes. Records with another number are measured again.
_FORMAT = 2

_PACKAGES = (
  'tfp_cinc',
  'tensorflow',
  'tf_keras',
  'tensorflow-probability',
  'numpy',
  'normflows',
  'torch',
)


@dataclasses.dataclass(frozen=True)
class Job:
  """A run: the model, the conditions, the seed and the learning rate."""

  model: Model
  conditions: Conditions
  seed: int
  learning_rate: float

  def facts(self) -> dict:
    """Returns everything that the result depends on, as JSON values."""
    return {
      'model': self.model.facts(self.conditions),
      'conditions': self.conditions.facts(),
      'seed': self.seed,
      'learning_rate': self.learning_rate,
    }

  def fingerprint(self) -> str:
    """Returns a short hash of everything that the result depends on."""
    text = json.dumps({'format': _FORMAT, **self.facts()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def __str__(self):
    evaluate = self.conditions.evaluate
    if evaluate == 'step_time':
      return f'{self.model.name}, step time, round {self.seed}'
    what = 'pilot' if evaluate == 'validation' else 'run'
    return (
      f'{self.model.name}, {what} of {self.conditions}, seed {self.seed}, '
      f'learning rate {self.learning_rate:g}'
    )


class Records:
  """A folder of records.

  A record is found by its job's fingerprint. After a change in the options of
  the model or the protocol, the old record is no longer found.
  """

  def __init__(self, folder: str):
    """Sets the folder.

    Args:
      folder: Folder of the records, which need not exist.
    """
    self.folder = pathlib.Path(folder)

  def find(self, job: Job) -> dict | None:
    """Returns the record of a job, or None if there is no complete one."""
    return self._read(self._path(job))

  def places(self) -> set[tuple[DataSet, str]]:
    """Returns the data sets and, for step times, the kinds of machines."""
    found = set()
    for path in self.folder.glob('*.json'):
      facts = (self._read(path) or {}).get('facts')
      if facts:
        values = facts['conditions']
        found.add((DataSet(**values['data']), values['machine']))
    return found

  def find_named(self, name: str) -> dict | None:
    """Returns a record by its name, or None if there is no complete one."""
    return self._read(self.folder / f'{name}.json')

  def write_named(self, name: str, result: dict, **about) -> dict:
    """Writes a record under a name, and replaces an older one of that name.

    Args:
      name: Name of the record.
      result: What was measured.
      **about: Other facts to keep, as for `write`.

    Returns:
      The record.
    """
    record = {**about, 'result': result}
    write_json(self.folder / f'{name}.json', record)
    return record

  def write(self, job: Job, result: dict, **about) -> dict:
    """Writes the record of a job.

    Args:
      job: The job.
      result: What was measured, see `measure`.
      **about: Other facts to keep: command, date, machine, versions.

    Returns:
      The record.
    """
    record = {
      'name': job.model.name,
      'facts': job.facts(),
      'fingerprint': job.fingerprint(),
      **about,
      'result': result,
    }
    write_json(self._path(job), record)
    return record

  def _read(self, path):
    try:
      record = json.loads(path.read_text())
    except (OSError, ValueError):
      return None
    is_whole = isinstance(record, dict) and record.get('result')
    return record if is_whole else None

  def _path(self, job):
    kind = re.sub('[^a-z]+', '_', job.model.kind.lower())
    return self.folder / f'{kind}-{job.fingerprint()}.json'


def about(command: str) -> dict[str, object]:
  """Returns the facts that a record contains besides its result.

  Args:
    command: Command that reproduces the record.

  Returns:
    A dict that can be written as JSON: 'command', 'date', 'machine' and
    'versions'.
  """
  return {
    'command': command,
    'date': datetime.date.today().isoformat(),
    'machine': report.machine(),
    'versions': versions(),
  }


def versions() -> dict[str, str | None]:
  """Returns the versions of packages that runs use, None if not installed."""
  return package_versions(_PACKAGES)
