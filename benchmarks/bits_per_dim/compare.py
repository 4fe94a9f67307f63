"""Runs what is missing of a comparison, the models in turn."""

import dataclasses
import math
import sys
from collections.abc import Callable

from benchmarks import timing
from benchmarks.bits_per_dim.measure import measure
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Protocol
from benchmarks.bits_per_dim.records import Job, Records, about
from training.workdir import lock

__all__ = ['Comparison', 'compare']


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Models under one protocol.

  Attributes:
    title: of its section of the page.
    what: what it asks, in a sentence or two.
    models: the rows.
    protocol: how they are compared.
    published: the titles of published tables to print beside it, see
      `published.py`.
  """

  title: str
  what: str
  models: tuple[Model, ...]
  protocol: Protocol
  published: tuple[str, ...] = ()

  def pilots(self) -> list[Job]:
    """The pilots, the models in turn; none where there is one rate alone."""
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
    """The learning rate of the lowest validation bits/dim.

    Args:
      model: whose.
      records: with its pilots.

    Returns:
      The rate; None where a pilot is missing, or all of them diverged.
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
    """The runs of models whose rate is picked, the models in turn."""
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
  """Runs what has no record yet: the pilots first, then the runs.

  Args:
    comparison: what to run.
    records: where records are looked for and left.
    command: what makes this comparison, for the records.
    run: of (job, folder), to the result; None for `measure` in a process of its
      own.

  Returns:
    A sentence for each run that failed. The others are not kept from running,
    and the next call tries them again.

  Raises:
    UserError: if another process runs into the same folder, as the one that a
      killed call left behind: it takes the cores until its run ends.
  """
  run = run or _in_new_process
  with lock(records.folder, 'take another --out'):
    pass  # each run holds it
  failed = []
  for find_jobs in (comparison.pilots, lambda: comparison.runs(records)):
    jobs = find_jobs()
    for number, job in enumerate(jobs, 1):
      if records.find(job):
        continue
      try:
        result = run(job, str(records.folder))
      except Exception as error:  # whatever a peer's library raises
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
