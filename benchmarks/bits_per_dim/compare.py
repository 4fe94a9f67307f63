"""Runs the missing parts of a comparison, with the models in turn."""

import dataclasses
import math
import sys
from collections.abc import Callable

from benchmarks import timing
from benchmarks.bits_per_dim.measure import measure
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Protocol
from benchmarks.bits_per_dim.records import Job, Records, about
from training.run_folder.lock import lock_folder

__all__ = ['Comparison', 'compare']


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Models that are compared under one protocol.

  Attributes:
    title: Title of the section on the page.
    what: Description, in sentences.
    models: Models, one per row.
    protocol: Protocol of the comparison.
    published: Keys of published tables to print below the results, see
      `published.py`.
  """

  title: str
  what: str
  models: tuple[Model, ...]
  protocol: Protocol
  published: tuple[str, ...] = ()

  def pilots(self) -> list[Job]:
    """Returns the pilots, models in turn; a model with one rate has none."""
    jobs = []
    if not self.protocol.conditions.trains:
      return jobs
    most = max(len(model.rates) for model in self.models)
    for number in range(most):
      for model in self.models:
        if number < len(model.rates) > 1:
          rate = model.rates[number]
          jobs.append(Job(model, self.protocol.pilot, 0, rate))
    return jobs

  def picked_rate(self, model: Model, records: Records) -> float | None:
    """Returns the learning rate with the lowest validation bits/dim.

    Args:
      model: A model of this comparison.
      records: Records with the model's pilots.

    Returns:
      The rate, or None if a pilot is missing or all pilots diverged.
    """
    if len(model.rates) == 1 or not self.protocol.conditions.trains:
      return model.rates[0]
    found = {}
    for rate in model.rates:
      record = records.find(Job(model, self.protocol.pilot, 0, rate))
      if record is None:
        return None
      bits = record['result']['bits_per_dim']
      found[rate] = math.inf if bits is None else bits
    best = min(found, key=found.get)
    return best if math.isfinite(found[best]) else None

  def runs(self, records: Records) -> list[Job]:
    """Returns the runs of models with a picked rate, models in turn."""
    rates = {m.name: self.picked_rate(m, records) for m in self.models}
    return [
      Job(model, self.protocol.conditions, seed, rates[model.name])
      for seed in range(self.protocol.seeds)
      for model in self.models
      if rates[model.name] is not None
    ]


def compare(
  comparison: Comparison,
  records: Records,
  command: str,
  run: Callable[[Job, str], dict] | None = None,
) -> list[str]:
  """Runs all jobs that have no record yet: first the pilots, then the runs.

  Args:
    comparison: The comparison.
    records: Records to read and write.
    command: Command that reproduces the comparison, kept in the records.
    run: Function of (job, folder) that returns the result. None calls `measure`
      in a new process.

  Returns:
    A message for each failed job. The other jobs run nevertheless, and the next
    call tries the failed ones again.

  Raises:
    UserError: If another process is running jobs in the same folder, such as a
      process left behind by a killed call. The two would share the cores.
  """
  run = run or _in_new_process
  with lock_folder(records.folder, 'use another --out'):
    pass  # only a check: each job takes the lock itself
  failed = []
  for find_jobs in (comparison.pilots, lambda: comparison.runs(records)):
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
      records.write(
        job,
        result,
        **about(command),
      )
      print(f'[{number}/{len(jobs)}] {job}: {_told(result)}', flush=True)
  return failed


def _in_new_process(job, folder):
  return timing.in_new_process(measure, job, folder)


def _told(result):
  if result['diverged']:
    return f'diverged: {result["diverged"]}'
  words = []
  if result['bits_per_dim'] is not None:
    words.append(f'{result["bits_per_dim"]:.4f} bits/dim')
    words.append(f'{result["steps"]} steps in {result["seconds"]:.1f} s')
  if result['sampling_seconds'] is not None:
    words.append(f'samples in {result["sampling_seconds"]:.3f} s')
  return ', '.join(words)
