"""The first table and figure of the results page: our flow and its peers."""

import dataclasses
import pathlib

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.records import Records
from benchmarks.bits_per_dim.references import find_references
from benchmarks.bits_per_dim.results_page.curves import draw_curves, mean_curves
from benchmarks.bits_per_dim.results_page.page import conditions, rows, table

__all__ = ['HEADLINE_MODELS', 'headline']

# The default flow first, and what to call the flows it is compared with.
HEADLINE_MODELS = {
  'cinc': '`cinc`, the default flow',
  'normflows Glow': "normflows' Glow",
  'tfb.Glow': '`tfb.Glow`',
}


def headline(
  comparison: Comparison, records: Records, command: str, figures
) -> str | None:
  """Returns the section, and draws its figure.

  Args:
    comparison: The comparison of peers, on one data set.
    records: Records of its runs.
    command: Command that reproduces the records.
    figures: Folder of the figures, next to the page.

  Returns:
    Markdown, or None while a model has no result.
  """
  models = tuple(m for m in comparison.models if m.name in HEADLINE_MODELS)
  comparison = dataclasses.replace(comparison, models=models)
  found = {row['model']: row for row in rows(comparison, records)}
  curves = mean_curves(comparison, records)
  if not curves.keys() == found.keys() == HEADLINE_MODELS.keys():
    return None
  ours = next(iter(HEADLINE_MODELS))
  lines = [
    [
      words,
      found[name]['bits/dim'],
      '' if name == ours else _reached(curves[ours], curves[name][-1][-1]),
      found[name]['parameters'],
      found[name]['images/s'],
      found[name]['runs'],
    ]
    for name, words in HEADLINE_MODELS.items()
  ]
  references = find_references(comparison.protocol.conditions.data, records)
  if references:
    lines += [
      [f'{kind} files', f'{references[key]:.3f}', '', '', '', '']
      for kind, key in (('PNG', 'png'), ('lossless WebP', 'webp'))
    ]
  draw_curves(comparison, records, pathlib.Path(figures, 'headline.png'))
  done = [r for r in map(records.find, comparison.runs(records)) if r]
  at_most = f'`{ours}` needs at most'
  columns = ['flow', 'bits/dim', at_most, 'parameters', 'images/s', 'runs']
  parts = [
    f'Test bits/dim after {comparison.protocol.amount} of training on '
    f'CIFAR-10, on two CPU cores; lower is better. `{ours}` is trained with '
    'Muon and learned dequantization noise, both Glows with Adam and uniform '
    f"noise. The networks of `{ours}` and of normflows' Glow compute in "
    'bfloat16; `tfb.Glow` has its default networks, in float32. '
    f'"{at_most}" is the training time at the first evaluation in which '
    f'`{ours}` is at least as good as the other flow in its last one; these '
    'use 512 of the images. "images/s" is the speed of training.',
    table(columns, lines),
    f'![Test bits/dim during training]({pathlib.Path(figures).name}/'
    'headline.png)',
    f'`{command}`',
    conditions(comparison, records, done),
  ]
  return '\n\n'.join(part.strip() for part in parts) + '\n'


def _reached(curve, bits):
  """Returns the time of the first point of a curve that is at most `bits`."""
  seconds, _, values = curve
  times = (s for s, b in zip(seconds, values, strict=True) if b <= bits)
  found = next(times, None)
  return 'longer' if found is None else f'{found:.0f} s'
