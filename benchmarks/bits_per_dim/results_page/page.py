"""Writes the tables and figures of docs/results.md from the records only."""

import math
import pathlib
import re
import statistics

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.records import Records
from benchmarks.bits_per_dim.references import find_references
from benchmarks.bits_per_dim.results_page.curves import draw_curves
from benchmarks.bits_per_dim.results_page.published import PUBLISHED

__all__ = [
  'conditions',
  'mean_and_error',
  'missing',
  'rows',
  'section',
  'table',
  'write',
]

_INTRODUCTION = """
## How we measure

The commands run in a checkout with `pip install -e '.[bench]'`. Each table
names the command that makes its runs; runs that are already recorded are not
repeated. `--models` takes only some rows, `--seeds 1` only one run of each.
`python -m benchmarks.bits_per_dim --report` then writes each table whose rows
all have a result, and names the other ones that have begun. Tables whose
command has `--seconds` or `--steps` need the same there.

We report bits per dimension (bits/dim) on held-out test images; lower is
better. Values are means over runs with different seeds, +- one standard error,
computed in float32 with the averaged weights. "Delta" is the difference from
the first row: the mean over pairs of runs with the same seed, which train on
the same images with the same noise.

Each model uses the learning rate with the lowest bits/dim in short pilots with
seed 0. Pilots are evaluated on images held out from the training images, never
on test images. Evaluations during training use at most 512 test images, the
final one uses all.

At equal training time, each model takes as many steps as fit into that time at
its own step time: "300 s of steps at the step time". The step time is measured
first, while nothing else runs on the machine: the median over 6 s of steps,
including the time to fetch their images. Of two such rounds the faster counts.
The runs themselves are not timed, so other jobs may run beside them, and a
repeated run takes the same number of steps, also on another kind of machine:
`--machine` names the kind whose recorded step times are used. "Seconds" is the
number of steps times the step time, "images/s" follows from the step time, and
"first step" is the time of the step that traces and compiles, which does not
count.
"Parameters" include those of learned dequantization noise, 5,286 for color
images.

The same rules apply to all models, including those of other libraries: the same
images in the same order, optimizer, warm-up, schedule, gradient clipping and
weight averaging, unless a row or the text above the table says otherwise.
"""


def mean_and_error(values) -> tuple[float, float | None]:
  """Returns the mean and its standard error, which is None for one value."""
  values = list(values)
  if len(values) < 2:
    return values[0], None
  error = statistics.stdev(values) / math.sqrt(len(values))
  return statistics.mean(values), error


def rows(comparison: Comparison, records: Records) -> list[dict]:
  """Returns the rows of a comparison's table, with a text for each column.

  Args:
    comparison: The comparison.
    records: Records of its runs. Models without records have no row.

  Returns:
    A list of dicts with the same keys.
  """
  found, first, jobs = [], None, comparison.runs(records)
  for model in comparison.models:
    results = {
      job.seed: record['result']
      for job in jobs
      if job.model is model and (record := records.find(job))
    }
    if results:
      first = first or results
      picked = comparison.picked_rate(model, records)
      rate = comparison.rate(model, records)
      found.append(
        _row(comparison.protocol, model, picked, rate, results, first)
      )
    elif _all_diverged(comparison, model, records):
      found.append({'model': model.name, 'bits/dim': 'diverged in all pilots'})
  keys = list(dict.fromkeys(key for row in found for key in row))
  return [{key: row.get(key, '') for key in keys} for row in found]


def missing(comparison: Comparison, records: Records) -> list[str]:
  """Returns the names of the models that have no row yet."""
  found = {row['model'] for row in rows(comparison, records)}
  return [m.name for m in comparison.models if m.name not in found]


def _all_diverged(comparison, model, records):
  pilots = [job for job in comparison.pilots(records) if job.model is model]
  return pilots and all(map(records.find, pilots))


def _row(protocol, model, picked, rate, by_seed, first):
  results = list(by_seed.values())
  row = {'model': model.name}
  conditions = protocol.conditions
  if protocol.trains:
    bits = [r['bits_per_dim'] for r in results if not r['diverged']]
    row['bits/dim'] = _plus_minus(mean_and_error(bits), 3) if bits else ''
    more = _differences(by_seed, first) if by_seed is not first else []
    row['delta'] = _plus_minus(mean_and_error(more), 3) if more else ''
    gone = len(results) - len(bits)
    row['runs'] = f'{len(results)}' + (f', {gone} diverged' if gone else '')
    row['learning rate'] = f'{picked:g}'
  row['parameters'] = f'{results[0]["parameters"]:,}'
  if protocol.trains:
    steps = protocol.run(rate.step_seconds).steps
    row['seconds'] = f'{steps * rate.step_seconds:.0f}'
    row['steps'] = f'{steps:,}'
    row['images/s'] = f'{conditions.batch_size / rate.step_seconds:.0f}'
    row['first step, s'] = f'{rate.first_step_seconds:.1f}'
  if conditions.samples:
    times = [r['sampling_seconds'] for r in results if not r['diverged']]
    column = f'{conditions.samples} samples, s'
    row[column] = _plus_minus(mean_and_error(times), 3) if times else ''
  return row


def _differences(by_seed, first):
  """Returns differences from the first model's runs with the same seeds."""
  return [
    result['bits_per_dim'] - first[seed]['bits_per_dim']
    for seed, result in by_seed.items()
    if seed in first and not result['diverged'] and not first[seed]['diverged']
  ]


def _plus_minus(mean_error, digits):
  mean, error = mean_error
  text = f'{mean:.{digits}f}'
  return text if error is None else f'{text} +- {error:.{digits}f}'


def table(columns, lines) -> str:
  """Returns a Markdown table.

  Args:
    columns: Names of the columns.
    lines: Rows, each a sequence of texts.

  Returns:
    The table, ending with a newline.
  """
  lines = [columns, ['---'] * len(columns), *lines]
  return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def section(
  name: str, comparison: Comparison, records: Records, command: str, figures
) -> str | None:
  """Returns the section of a comparison and draws its figure.

  Args:
    name: Name of the comparison.
    comparison: The comparison.
    records: Records of its runs.
    command: Command that reproduces the records.
    figures: Folder of the figures, next to the page.

  Returns:
    Markdown, or None while a model has no result or there is no run at all.
  """
  found = rows(comparison, records)
  done = [r for r in map(records.find, comparison.runs(records)) if r]
  if not done or missing(comparison, records):
    return None
  total = len(comparison.models) * comparison.protocol.seeds
  parts = [
    f'## {_title(comparison)}',
    comparison.what,
    f'`{command}`',
    conditions(comparison, records, done)
    + ('' if len(done) == total else f' {len(done)} of {total} runs are done.'),
    table(list(found[0]), [list(row.values()) for row in found]),
  ]
  references = find_references(comparison.protocol.conditions.data, records)
  if comparison.protocol.trains and references:
    parts.append(
      f'For comparison, PNG files of the same images take '
      f'{references["png"]:.3f} bits/dim, and lossless WebP files, of up to '
      f'500 images each, {references["webp"]:.3f}.'
    )
  if any(record['result']['curve'] for record in done):
    draw_curves(comparison, records, pathlib.Path(figures, f'{name}.png'))
    folder = pathlib.Path(figures).name
    parts += [
      f'![Test bits/dim during training]({folder}/{name}.png)',
      'Test bits/dim during training: means over seeds, with one noise draw.',
    ]
  for title in comparison.published:
    published = PUBLISHED[title]
    parts += [
      f'Published results, not measured here ({published.source}): '
      f'{published.title[0].lower()}{published.title[1:]}.',
      table(published.columns, published.rows),
    ]
  return '\n\n'.join(part.strip() for part in parts) + '\n'


def _title(comparison):
  protocol = comparison.protocol
  if not protocol.trains:
    return comparison.title
  data = protocol.conditions.data.name
  return f'{comparison.title}: {data}, {protocol.amount} per run'


def conditions(
  comparison: Comparison, records: Records, done: list[dict]
) -> str:
  """Returns the sentences that say how the runs of a comparison were made.

  Args:
    comparison: The comparison.
    records: Records.
    done: Records of its runs, at least one.
  """
  protocol, result = comparison.protocol, done[0]['result']
  dates = _from_to(record['date'] for record in done)
  where = ' and '.join(sorted({record['machine'] for record in done}))
  if not protocol.trains:
    return (
      f'Means over {protocol.seeds} rounds of the median of 7 draws. The flows '
      f'take turns, each in its own process. {where}, {dates}.'
    )
  rates = [comparison.rate(model, records) for model in comparison.models]
  measured = _from_to(rate.date for rate in rates if rate)
  of_steps = '' if protocol.steps else ' of steps at the step time'
  pilots = ''
  if comparison.pilots(records):
    pilots = f'; pilots of {protocol.pilot_amount}'
  return (
    f'Data: {result["data"]}. Training: {protocol.amount}{of_steps} per run, '
    f'{protocol.conditions.batch_size} images per step{pilots}. '
    f'Evaluation: {result["num_images"]} test images, '
    f'{protocol.conditions.noise_draws} noise draws per image. '
    'Step times, measured while nothing else ran: '
    f'{protocol.machine}, {measured}. Runs: {where}, {dates}.'
  )


def _from_to(dates):
  first, *_, last = sorted(dates) * 2
  return first if first == last else f'{first} to {last}'


def write(path: str, sections: dict[str, str]) -> None:
  """Writes sections into the page, each between its marks.

  Other sections and the text outside the marks are kept. New sections are
  appended. The introduction is the first section.

  Args:
    path: Path of the page, which need not exist.
    sections: Markdown of the sections by name.
  """
  path = pathlib.Path(path)
  text = path.read_text() if path.exists() else '# Measured densities\n'
  for name, content in {'introduction': _INTRODUCTION, **sections}.items():
    start, end = f'<!-- {name} -->\n', f'<!-- end of {name} -->\n'
    new = f'{start}\n{content.strip()}\n\n{end}'
    pattern = re.escape(start) + '.*?' + re.escape(end)
    text, count = re.subn(pattern, lambda _, n=new: n, text, flags=re.DOTALL)
    if not count:
      text = f'{text.rstrip()}\n\n{new}'
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_suffix('.tmp')
  temporary.write_text(text)
  temporary.rename(path)
