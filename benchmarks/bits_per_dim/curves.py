"""The figure of a comparison: bits/dim along the way."""

import pathlib
import statistics

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.records import Records

__all__ = ['draw_curves']


def draw_curves(
  comparison: Comparison, records: Records, path: pathlib.Path
) -> None:
  """Draws bits/dim by seconds, or by steps where all have as many of them.

  Args:
    comparison: what was compared.
    records: where its results are.
    path: of the PNG file.
  """
  import matplotlib

  matplotlib.use('Agg')
  import matplotlib.pyplot as plt

  by_seconds = bool(comparison.protocol.conditions.seconds)
  jobs = comparison.runs(records)
  figure, axes = plt.subplots(figsize=(8, 5), layout='constrained')
  styles = ('-', '--', ':')
  drawn, lasts = 0, []
  for model in comparison.models:
    found = [records.find(job) for job in jobs if job.model is model]
    curves = [
      r['result']['curve'] for r in found if r and not r['result']['diverged']
    ]
    length = min(map(len, curves), default=0)
    if not length:
      continue
    points = [
      [statistics.mean(curve[i][axis] for curve in curves) for axis in range(3)]
      for i in range(length)
      if all(curve[i][2] is not None for curve in curves)
    ]
    if not points:
      continue
    seconds, steps, bits = zip(*points, strict=True)
    axes.plot(
      seconds if by_seconds else steps,
      bits,
      styles[drawn // 10 % 3],
      marker='.',
      label=model.name,
    )
    lasts.append(bits[-1])
    drawn += 1
  if lasts:
    # The beginnings are far above: the ends are what is compared.
    axes.set_ylim(min(lasts) - 0.1, max(lasts) + 1.0)
  axes.set_xlabel('seconds of training' if by_seconds else 'steps')
  axes.set_ylabel('test bits/dim')
  axes.grid(alpha=0.3)
  axes.legend(fontsize='small', ncols=1 + drawn // 12)
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_suffix('.tmp')
  # Without the date and the version, the same records give the same file.
  figure.savefig(temporary, format='png', dpi=100, metadata={'Software': None})
  temporary.rename(path)
  plt.close(figure)
