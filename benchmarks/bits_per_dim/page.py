"""The tables and the figures of docs/results.md, from the records alone."""

import math
import pathlib
import re
import statistics

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.curves import draw_curves
from benchmarks.bits_per_dim.published import PUBLISHED
from benchmarks.bits_per_dim.records import Records

__all__ = ['mean_and_error', 'rows', 'section', 'table', 'write']

_INTRODUCTION = """
Sections between marks are written by `python -m benchmarks.bits_per_dim
--report` from the records of the runs; the command above each table makes it
again. Figures are test bits/dim, lower is better: the mean over runs of
different seeds, +- its standard error, of held-out images, by averaged weights,
in float32. "To the first" is a row's less the first row's, the mean over pairs
of one seed, which train on the same images with the same noise.

A model's learning rate is the one of the lowest bits/dim in short pilots of
seed 0, on images that were cut from the training images and not trained on:
never on test images. The seconds are of fetching batches and taking steps; the
first step, which traces and compiles, is told apart, and evaluations do not
count. All go by the same rules, peers too: the same images in the same order,
optimizer, warm-up, schedule, clipping and averaging of weights, except
where a row, or the text above the table, says another.
"""


def mean_and_error(values) -> tuple[float, float | None]:
  """The mean, and its standard error; None for that of one value."""
  values = list(values)
  if len(values) < 2:
    return values[0], None
  error = statistics.stdev(values) / math.sqrt(len(values))
  return statistics.mean(values), error


def rows(comparison: Comparison, records: Records) -> list[dict]:
  """The rows of a comparison's table: a text for each column.

  Args:
    comparison: what was compared.
    records: where its results are; models without any have no row.

  Returns:
    A list of dicts of the same keys.
  """
  found, first = [], None
  for model in comparison.models:
    results = {
      job.seed: record['result']
      for job in comparison.runs(records)
      if job.model is model and (record := records.find(job))
    }
    if results:
      rate = comparison.picked_rate(model, records)
      first = first or results
      found.append(_row(comparison.protocol, model, rate, results, first))
    elif _all_diverged(comparison, model, records):
      found.append({'model': model.name, 'bits/dim': 'diverged in all pilots'})
  keys = list(dict.fromkeys(key for row in found for key in row))
  return [{key: row.get(key, '') for key in keys} for row in found]


def _all_diverged(comparison, model, records):
  pilots = [job for job in comparison.pilots() if job.model is model]
  return pilots and all(map(records.find, pilots))


def _row(protocol, model, rate, by_seed, first):
  results = list(by_seed.values())

  def mean(key):
    return statistics.mean(result[key] for result in results)

  row = {'model': model.name}
  conditions = protocol.conditions
  if conditions.trains:
    bits = [r['bits_per_dim'] for r in results if not r['diverged']]
    row['bits/dim'] = _plus_minus(mean_and_error(bits), 3) if bits else ''
    more = _differences(by_seed, first) if by_seed is not first else []
    row['to the first'] = _plus_minus(mean_and_error(more), 3) if more else ''
    gone = len(results) - len(bits)
    row['runs'] = f'{len(results)}' + (f', {gone} diverged' if gone else '')
    row['learning rate'] = f'{rate:g}'
  row['parameters'] = f'{results[0]["parameters"]:,}'
  if conditions.trains:
    row['seconds'] = f'{mean("seconds"):.0f}'
    row['steps'] = f'{mean("steps"):,.0f}'
    speeds = [r['images_per_second'] for r in results]
    speeds = [speed for speed in speeds if speed]
    row['images/s'] = f'{statistics.mean(speeds):.0f}' if speeds else ''
    row['first step, s'] = f'{mean("first_step_seconds"):.1f}'
  if conditions.samples:
    times = [r['sampling_seconds'] for r in results if not r['diverged']]
    column = f'{conditions.samples} samples, s'
    row[column] = _plus_minus(mean_and_error(times), 3) if times else ''
  return row


def _differences(by_seed, first):
  """Bits/dim less those of the first model's run of the same seed."""
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
  """A table in Markdown.

  Args:
    columns: their names.
    lines: a sequence of texts for each line.

  Returns:
    Its text, with an end of line.
  """
  lines = [columns, ['---'] * len(columns), *lines]
  return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def section(
  name: str, comparison: Comparison, records: Records, command: str, figures
) -> str | None:
  """The section of a comparison, its figure drawn beside.

  Args:
    name: of the comparison.
    comparison: the comparison.
    records: where its results are.
    command: what makes it again.
    figures: the folder of figures, beside the page.

  Returns:
    Markdown; None where there is no run yet, or of one model alone with which
    there is nothing to compare.
  """
  found = rows(comparison, records)
  done = [r for r in map(records.find, comparison.runs(records)) if r]
  if not done or len(found) < min(2, len(comparison.models)):
    return None
  total = len(comparison.models) * comparison.protocol.seeds
  parts = [
    f'## {comparison.title}',
    comparison.what,
    f'`{command}`',
    _conditions(comparison, done)
    + ('' if len(done) == total else f' {len(done)} of {total} runs so far.'),
    table(list(found[0]), [list(row.values()) for row in found]),
  ]
  if any(record['result']['curve'] for record in done):
    draw_curves(comparison, records, pathlib.Path(figures, f'{name}.png'))
    folder = pathlib.Path(figures).name
    parts += [
      f'![Test bits/dim along the way]({folder}/{name}.png)',
      'Test bits/dim along the way, the means over seeds, of one noise draw.',
    ]
  for title in comparison.published:
    published = PUBLISHED[title]
    parts += [
      f'Published, not measured here ({published.source}): '
      f'{published.title.lower()}.',
      table(published.columns, published.rows),
    ]
  return '\n\n'.join(part.strip() for part in parts) + '\n'


def _conditions(comparison, done):
  protocol, result = comparison.protocol, done[0]['result']
  conditions = protocol.conditions
  dates = sorted({record['date'] for record in done})
  when = dates[0] if len(dates) == 1 else f'{dates[0]} to {dates[-1]}'
  where = ' and '.join(sorted({record['machine'] for record in done}))
  if not conditions.trains:
    return (
      f'{protocol.seeds} rounds, in which flows take turns, each in a process '
      f'of its own; medians of 7 draws, means over rounds. {where}, {when}.'
    )
  pilots = f'; pilots of {protocol.pilot}' if comparison.pilots() else ''
  return (
    f'Data: {result["data"]}. Training: {conditions} each, '
    f'{conditions.batch_size} images a step{pilots}. '
    f'Evaluation: {result["num_images"]} test images, {conditions.noise_draws} '
    f'noise draws each. {where}, {when}.'
  )


def write(path: str, sections: dict[str, str]) -> None:
  """Puts sections into the page, each between its marks.

  What stands outside of marks, and other sections, stay as they are; new
  sections go to the end. The introduction is a section too, the first one.

  Args:
    path: of the page, which need not exist.
    sections: name -> Markdown.
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
