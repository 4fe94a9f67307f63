"""The results of runs: one JSON file each, written whole or not at all."""

import dataclasses
import datetime
import hashlib
import json
import pathlib
import re

from benchmarks import report
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions
from training import workdir

__all__ = ['Job', 'Records', 'about', 'versions']

# Another number where the same options give other results, or a record holds
# something else: records of other numbers are measured anew.
_FORMAT = 1

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
  """A run: what is trained, how, from which seed, at which learning rate."""

  model: Model
  conditions: Conditions
  seed: int
  learning_rate: float

  def fingerprint(self) -> str:
    """A short text that differs where the result may: a record's identity."""
    facts = {
      'format': _FORMAT,
      'model': self.model.facts(self.conditions),
      'conditions': dataclasses.asdict(self.conditions),
      'seed': self.seed,
      'learning_rate': self.learning_rate,
    }
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def __str__(self):
    what = 'pilot' if self.conditions.evaluate == 'validation' else 'run'
    return (
      f'{self.model.name}, {what} of {self.conditions}, seed {self.seed}, '
      f'learning rate {self.learning_rate:g}'
    )


class Records:
  """A folder of records.

  A record is found by its job's fingerprint: where an option of the model or
  of the protocol has changed, the old one is not looked at any more.
  """

  def __init__(self, folder: str):
    """Writes nothing yet.

    Args:
      folder: of the records, which need not exist.
    """
    self.folder = pathlib.Path(folder)

  def find(self, job: Job) -> dict | None:
    """The record of a job; None where there is no whole one."""
    return self._read(self._path(job))

  def find_named(self, name: str) -> dict | None:
    """A record of no job, by its name; None where there is no whole one."""
    return self._read(self.folder / f'{name}.json')

  def write_named(self, name: str, result: dict, **about) -> dict:
    """Writes a record of no job, in place of the last one of its name.

    Args:
      name: the record's.
      result: what was measured.
      **about: as for `write`.

    Returns:
      The record.
    """
    record = {**about, 'result': result}
    workdir.write_json(self.folder / f'{name}.json', record)
    return record

  def write(self, job: Job, result: dict, **about) -> dict:
    """Writes a record.

    Args:
      job: what was run.
      result: what was measured, see `measure`.
      **about: what else to keep: command, date, machine, versions.

    Returns:
      The record.
    """
    record = {
      'model': job.model.name,
      'facts': job.model.facts(job.conditions),
      'conditions': dataclasses.asdict(job.conditions),
      'seed': job.seed,
      'learning_rate': job.learning_rate,
      'fingerprint': job.fingerprint(),
      **about,
      'result': result,
    }
    workdir.write_json(self._path(job), record)
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
  """What a record tells beside its result.

  Args:
    command: what makes it again.

  Returns:
    A dict that JSON can hold: 'command', 'date', 'machine' and 'versions'.
  """
  return {
    'command': command,
    'date': datetime.date.today().isoformat(),
    'machine': report.machine(),
    'versions': versions(),
  }


def versions() -> dict[str, str | None]:
  """The versions of what runs depend on; None where it is not installed."""
  return workdir.versions(_PACKAGES)
