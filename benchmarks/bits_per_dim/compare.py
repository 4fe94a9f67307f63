"""Runs the missing parts of a comparison, with the models in turn."""

import dataclasses
import math
import sys
from collections.abc import Callable

from benchmarks import report, timing
from benchmarks.bits_per_dim.data_set import DataSet
from benchmarks.bits_per_dim.measure import measure
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Protocol
from benchmarks.bits_per_dim.records import Job, Records, about
from benchmarks.bits_per_dim.references import find_references
from training.errors import UserError
from training.run_folder.lock import lock_folder

__all__ = ['Comparison', 'Rate', 'compare', 'recorded']


@dataclasses.dataclass(frozen=True)
class Rate:
  """The speed of a model's training, measured while nothing else runs.

  Attributes:
    step_seconds: Seconds of a step.
    first_step_seconds: Seconds of the first step, which traces and compiles.
    date: Date of the measurement.
  """

  step_seconds: float
  first_step_seconds: float
  date: str


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Models that are compared under one protocol.

  Attributes:
    title: Title of the section on the page.
    what: Description, in sentences.
    models: Models, one per row.
    protocol: Protocol of the comparison.
    published: Keys of published tables to print below the results, see
      `results_page/published.py`.
  """

  title: str
  what: str
  models: tuple[Model, ...]
  protocol: Protocol
  published: tuple[str, ...] = ()

  def on(self, data: DataSet, machine: str) -> 'Comparison':
    """Returns the comparison on a data set, at the step times of a machine."""
    protocol = dataclasses.replace(
      self.protocol,
      conditions=self.protocol.conditions.on(data),
      machine=machine,
    )
    return dataclasses.replace(self, protocol=protocol)

  def rates(self) -> list[Job]:
    """Returns the measurements of step times, models in turn."""
    if not self.protocol.trains:
      return []
    return [
      self._rate_job(model, number)
      for number in range(self.protocol.rate_rounds)
      for model in self.models
    ]

  def rate(self, model: Model, records: Records) -> Rate | None:
    """Returns the smallest of a model's step times.

    Args:
      model: A model of this comparison.
      records: Records with the measurements.

    Returns:
      The `Rate`, or None if a measurement is missing.
    """
    rounds = range(self.protocol.rate_rounds)
    found = [records.find(self._rate_job(model, number)) for number in rounds]
    if not self.protocol.trains or None in found:
      return None
    least = min(found, key=lambda record: record['result']['step_seconds'])
    return Rate(
      least['result']['step_seconds'],
      least['result']['first_step_seconds'],
      least['date'],
    )

  def pilots(self, records: Records) -> list[Job]:
    """Returns the pilots, models in turn.

    Args:
      records: Records with the step times.

    Returns:
      The pilots of the models that have a step time and several rates.
    """
    found = [self._pilots_of(model, records) for model in self.models]
    most = max(map(len, found))
    return [
      jobs[number]
      for number in range(most)
      for jobs in found
      if number < len(jobs)
    ]

  def picked_rate(self, model: Model, records: Records) -> float | None:
    """Returns the learning rate with the lowest validation bits/dim.

    Args:
      model: A model of this comparison.
      records: Records with the model's pilots.

    Returns:
      The rate, or None if a pilot is missing or all pilots diverged.
    """
    if len(model.rates) == 1 or not self.protocol.trains:
      return model.rates[0]
    found = {}
    for job in self._pilots_of(model, records):
      record = records.find(job)
      if record is None:
        return None
      bits = record['result']['bits_per_dim']
      found[job.learning_rate] = math.inf if bits is None else bits
    best = min(found, key=found.get, default=None)
    return best if found and math.isfinite(found[best]) else None

  def runs(self, records: Records) -> list[Job]:
    """Returns the runs, models in turn.

    Args:
      records: Records with the step times and the pilots.

    Returns:
      The runs of the models whose step time and learning rate are known.
    """
    known = []
    for model in self.models:
      rate = self.rate(model, records)
      picked = self.picked_rate(model, records)
      if picked is not None and (rate or not self.protocol.trains):
        conditions = self.protocol.run(rate and rate.step_seconds)
        known.append((model, conditions, picked))
    return [
      Job(model, conditions, seed, picked)
      for seed in range(self.protocol.seeds)
      for model, conditions, picked in known
    ]

  def _rate_job(self, model, number):
    # At this rate no step diverges.
    return Job(model, self.protocol.rate, number, learning_rate=0.0)

  def _pilots_of(self, model, records):
    rate = self.rate(model, records)
    if len(model.rates) == 1 or rate is None:
      return []
    conditions = self.protocol.pilot(rate.step_seconds)
    return [Job(model, conditions, 0, value) for value in model.rates]


def recorded(
  comparison: Comparison, records: Records, machine: str | None = None
) -> list[Comparison]:
  """Returns a comparison on each data set that has records.

  Args:
    comparison: The comparison.
    records: Records.
    machine: Kind of machine whose step times are used. None takes the kind with
      the most runs.

  Returns:
    The comparisons on the data sets with at least one run, sorted by name.
  """
  places = records.places()
  machines = sorted({kind for _, kind in places}) if machine is None else []

  def done(found):
    return sum(records.find(job) is not None for job in found.runs(records))

  result = []
  for data in sorted(
    {data for data, _ in places}, key=lambda data: (data.name, data.digest)
  ):
    best = max(
      (comparison.on(data, kind) for kind in machines or [machine or '']),
      key=done,
    )
    if done(best):
      result.append(best)
  return result


def compare(
  comparison: Comparison,
  records: Records,
  command: str,
  run: Callable[[Job, str], dict] | None = None,
  only_rates: bool = False,
) -> list[str]:
  """Runs all jobs that have no record yet: step times, pilots and runs.

  Args:
    comparison: The comparison.
    records: Records to read and write.
    command: Command that reproduces the comparison, kept in the records.
    run: Function of (job, folder) that returns the result. None calls `measure`
      in a new process.
    only_rates: Whether to measure only the step times. Nothing else may run on
      the machine at the same time.

  Returns:
    A message for each failed job. The other jobs run nevertheless, and the next
    call tries the failed ones again.

  Raises:
    UserError: If another process is running jobs in the same folder, or step
      times of another kind of machine are missing.
  """
  run = run or _in_new_process
  with lock_folder(records.folder, 'use another --out'):
    pass  # only a check: each job takes the lock itself
  missing = [job for job in comparison.rates() if not records.find(job)]
  if missing and comparison.protocol.machine != report.machine():
    raise UserError(
      f'the step time of {missing[0].model.name!r} is not recorded for '
      f'{comparison.protocol.machine!r}; measure it on such a machine, with '
      '--rates, or leave out --machine to measure it here.'
    )
  stages = [comparison.rates]
  if not only_rates:
    stages += [
      lambda: comparison.pilots(records),
      lambda: comparison.runs(records),
    ]
    if comparison.protocol.trains:
      find_references(comparison.protocol.conditions.data, records, command)
  failed = []
  for find_jobs in stages:
    jobs = find_jobs()
    for number, job in enumerate(jobs, 1):
      if records.find(job):
        continue
      try:
        result = run(job, str(records.folder))
      except Exception as error:  # other libraries may raise anything
        failed.append(f'{job}: {type(error).__name__}: {error}')
        print(f'FAILED {failed[-1]}', file=sys.stderr, flush=True)
        continue
      records.write(job, result, **about(command))
      print(f'[{number}/{len(jobs)}] {job}: {_told(result)}', flush=True)
  return failed


def _in_new_process(job, folder):
  return timing.in_new_process(measure, job, folder)


def _told(result):
  if 'step_seconds' in result:
    return (
      f'{result["step_seconds"]:.4f} s, median of {result["steps"]}; first '
      f'step {result["first_step_seconds"]:.1f} s'
    )
  if result['diverged']:
    return f'diverged: {result["diverged"]}'
  words = []
  if result['bits_per_dim'] is not None:
    words.append(f'{result["bits_per_dim"]:.4f} bits/dim')
  if result['sampling_seconds'] is not None:
    words.append(f'samples in {result["sampling_seconds"]:.3f} s')
  return ', '.join(words)
