"""Draws the figure of a comparison: bits/dim during training."""

import pathlib
import statistics

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.records import Records
from benchmarks.bits_per_dim.references import find_references

__all__ = ['draw_curves', 'mean_curves']


def draw_curves(
  comparison: Comparison, records: Records, path: pathlib.Path
) -> None:
  """Draws bits/dim over seconds, or over steps if all models take as many.

  A line shows the bits/dim of lossless WebP files of the test images.

  Args:
    comparison: The comparison.
    records: Records of its runs.
    path: Path of the PNG file.
  """
  import matplotlib

  matplotlib.use('Agg')
  import matplotlib.pyplot as plt

  by_seconds = bool(comparison.protocol.seconds)
  figure, axes = plt.subplots(figsize=(8, 5), layout='constrained')
  styles = ('-', '--', ':')
  drawn, lasts = 0, []
  for name, (seconds, steps, bits) in mean_curves(comparison, records).items():
    axes.plot(
      seconds if by_seconds else steps,
      bits,
      styles[drawn // 10 % 3],
      marker='.',
      label=name,
    )
    lasts.append(bits[-1])
    drawn += 1
  references = find_references(comparison.protocol.conditions.data, records)
  if references:
    axes.axhline(references['webp'], color='black', label='lossless WebP')
  if lasts:
    # The first values are much higher; show the range of the final ones.
    axes.set_ylim(min(lasts) - 0.1, max(lasts) + 1.0)
  axes.set_xlabel('seconds of training' if by_seconds else 'steps')
  axes.set_ylabel('test bits/dim')
  axes.grid(alpha=0.3)
  axes.legend(fontsize='small', ncols=1 + drawn // 12)
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_suffix('.tmp')
  # No version in the metadata, so that the same records give the same file.
  figure.savefig(temporary, format='png', dpi=100, metadata={'Software': None})
  temporary.rename(path)
  plt.close(figure)


def mean_curves(
  comparison: Comparison, records: Records
) -> dict[str, tuple[tuple[float, ...], ...]]:
  """Averages bits/dim during training over the runs of each model.

  Args:
    comparison: The comparison.
    records: Records of its runs.

  Returns:
    (seconds, steps, test bits/dim) by the name of the model, without models
    that have no complete run. The seconds follow from the step time. The
    evaluations use at most 512 images, so the last one differs a little from
    the result of the run.
  """
  jobs, result = comparison.runs(records), {}
  for model in comparison.models:
    found = [records.find(job) for job in jobs if job.model is model]
    curves = [
      r['result']['curve'] for r in found if r and not r['result']['diverged']
    ]
    length = min(map(len, curves), default=0)
    points = [
      [statistics.mean(curve[i][axis] for curve in curves) for axis in range(2)]
      for i in range(length)
      if all(curve[i][1] is not None for curve in curves)
    ]
    if points:
      steps, bits = zip(*points, strict=True)
      step_seconds = comparison.rate(model, records).step_seconds
      seconds = tuple(step * step_seconds for step in steps)
      result[model.name] = seconds, steps, bits
  return result
