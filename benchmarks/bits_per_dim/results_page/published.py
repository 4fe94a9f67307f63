"""Results reported by the papers, printed next to our own.

They are for other data, model sizes and machines than ours. Results on ImageNet
use van den Oord's downsampling. Sources: table 2 of Truong et al. 2019 (shift
n x n); the draft and the poster of CInC Flow (Nagar et al. 2021).
"""

import dataclasses

__all__ = ['PUBLISHED', 'Table']


@dataclasses.dataclass(frozen=True)
class Table:
  """A published table.

  Attributes:
    title: Title of the table.
    source: Paper and table or figure.
    columns: Names of the columns.
    rows: Rows, with a text for each column.
  """

  title: str
  source: str
  columns: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]


_SETS = ('CIFAR-10', 'ImageNet 32', 'ImageNet 64', 'Galaxy')

PUBLISHED = {
  'models': Table(
    'Bits/dim of full-size models',
    'first four rows: shift n x n paper, table 2; last two: CInC Flow poster',
    ('model', *_SETS),
    (
      ('RealNVP', '3.49', '4.28', '3.98', '-'),
      ('Glow', '3.35', '4.09', '3.81', '-'),
      ('Emerging', '3.34', '4.09', '3.81', '-'),
      ('shift n x n', '3.50', '3.96', '3.74', '-'),
      ('CInC 3x3', '3.3498', '4.0140', '3.8946', '2.2739'),
      ('CInC 3x3 + quad', '3.347', '4.0377', '3.8514', '2.2591'),
    ),
  ),
  'short runs': Table(
    'Bits/dim of shorter runs (500, 600 and 1000 epochs)',
    'CInC Flow draft, table 1',
    ('model', 'CIFAR-10', 'ImageNet 32', 'Galaxy'),
    (
      ('Emerging', '3.3851', '4.1153', '2.2722'),
      ('CInC 3x3', '3.4209', '4.1085', '2.2739'),
      ('CInC 3x3 + quad', '3.3879', '4.0965', '2.2591'),
    ),
  ),
  'coupling by layer': Table(
    'Bits/dim on CIFAR-10 by coupling and layer',
    'CInC Flow draft, table 3',
    ('coupling', 'Emerging', 'CInC 3x3'),
    (('affine', '3.3851', '3.4209'), ('quad', '3.3612', '3.3879')),
  ),
  'depth': Table(
    'Bits/dim by depth, and seconds for 100 images',
    'CInC Flow draft, table 2; times are from other machines',
    ('depth', 'model', 'CIFAR-10', 'ImageNet 32', 'seconds'),
    (
      ('4', 'Emerging', '3.52', '4.30', '2.45'),
      ('4', 'CInC 3x3 + quad', '3.49', '4.25', '1.31'),
      ('8', 'Emerging', '3.47', '4.20', '4.94'),
      ('8', 'CInC 3x3 + quad', '3.46', '4.18', '2.76'),
    ),
  ),
  'sampling': Table(
    'Seconds to draw 100 images',
    'CInC Flow draft, figure 7; other machines: one CPU core, a GPU for Glow',
    ('model', 'CIFAR-10', 'ImageNet 32'),
    (
      ('Glow', '0.58', '0.86'),
      ('Emerging', '18.4', '27.6'),
      ('CInC 3x3', '9.3', '14.0'),
      ('CInC 3x3 + quad', '10.8', '16.1'),
    ),
  ),
}
