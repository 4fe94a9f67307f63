"""Draws the picture of the README's first screen.

  python docs/draw_first_picture.py cinc_cifar10_small cinc_mnist

It shows samples of flows, here two of the package, and the curves of `make
compare DATA=cifar10`, which are read from benchmarks/records.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
PICTURE = ROOT / 'docs' / 'figures' / 'first_picture.png'
_ROWS, _COLUMNS = 6, 6
_TEMPERATURE = 0.8


def grid(images: np.ndarray) -> np.ndarray:
  """Arranges images [N, H, W, C] in rows, with white lines between them."""
  padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=255)
  _, height, width, channels = padded.shape
  rows = padded.reshape([_ROWS, _COLUMNS, height, width, channels])
  joined = rows.transpose([0, 2, 1, 3, 4])
  return joined.reshape([_ROWS * height, _COLUMNS * width, channels])


def draw(names: list[str], output: pathlib.Path) -> None:
  """Draws the picture.

  Args:
    names: Folders of runs, or names of flows of the package.
    output: PNG file to write.
  """
  import matplotlib

  matplotlib.use('Agg')
  import matplotlib.pyplot as plt

  from benchmarks.bits_per_dim.compare import recorded
  from benchmarks.bits_per_dim.comparisons import COMPARISONS
  from benchmarks.bits_per_dim.records import Records
  from benchmarks.bits_per_dim.results_page.curves import mean_curves
  from benchmarks.bits_per_dim.results_page.headline import HEADLINE_MODELS
  from training import open_flow

  records = Records(ROOT / 'benchmarks' / 'records')
  figure, axes = plt.subplots(
    1,
    len(names) + 1,
    figsize=(10, 3.2),
    width_ratios=[1] * len(names) + [1.5],
    layout='constrained',
  )
  for name, ax in zip(names, axes, strict=False):
    flow = open_flow(name)
    images = flow.sample(_ROWS * _COLUMNS, _TEMPERATURE)
    ax.imshow(np.squeeze(grid(images)), cmap='gray', interpolation='nearest')
    ax.set_title(f'samples, {flow.name}', fontsize='medium')
    ax.axis('off')
  peers = [
    found
    for found in recorded(COMPARISONS['peers'], records)
    if found.protocol.conditions.data.name == 'cifar10'
  ]
  if not peers:
    sys.exit('There are no records of CIFAR-10; run make compare DATA=cifar10.')
  [peers] = peers
  curves = mean_curves(peers, records)
  for name, words in HEADLINE_MODELS.items():
    seconds, _, bits = curves[name]
    axes[-1].plot(seconds, bits, marker='.', label=words.replace('`', ''))
  least = min(curves[name][-1][-1] for name in HEADLINE_MODELS)
  axes[-1].set_ylim(least - 0.15, least + 2.15)
  cores = peers.protocol.machine.partition(' (')[0]
  axes[-1].set_xlabel(f'seconds of training, {cores}')
  data = peers.protocol.conditions.data.name
  axes[-1].set_title(f'test bits/dim, {data}', fontsize='medium')
  axes[-1].grid(alpha=0.3)
  axes[-1].legend(fontsize='small')
  temporary = output.with_suffix('.tmp')
  figure.savefig(temporary, format='png', dpi=100, metadata={'Software': None})
  temporary.rename(output)


if __name__ == '__main__':
  sys.path.insert(0, str(ROOT))
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    'names',
    nargs='+',
    metavar='FLOW',
    help='folder of a run, or name of a flow of the package',
  )
  parser.add_argument(
    '--output',
    type=pathlib.Path,
    default=PICTURE,
    help='PNG file to write (%(default)s)',
  )
  args = parser.parse_args()
  draw(args.names, args.output)
