"""Table of the data sets of TensorFlow Datasets that the papers use.

Other data sets follow a generic rule: the test images are the 'test' split, or
a held-out part of 'train' if there is none; central squares are resized.
"""

import dataclasses

__all__ = ['CATALOGUE', 'Entry', 'find']


@dataclasses.dataclass(frozen=True)
class Entry:
  """Properties of a data set that are needed to read it.

  Attributes:
    test_splits: Candidates for the test split; the first that exists is used.
      If none exists, a part of 'train' is held out.
    label: Feature that labels the images, a class or a dict of attributes, or
      None.
    crop: Height and width in pixels of the central square to keep; 0 keeps the
      largest.
    pad: Whether images smaller than `data.image_size` get a black frame instead
      of being enlarged.
    note: Remark that matters when results are compared. It is appended to the
      name that is printed.
  """

  test_splits: tuple[str, ...] = ('test',)
  label: str | None = None
  crop: int = 0
  pad: bool = False
  note: str = ''


_RESIZED = Entry(
  ('validation',),
  'label',
  note='resized by Chrabaszcz et al.; its bits/dim are not comparable with '
  'those on downsampled_imagenet, which the papers use',
)

CATALOGUE = {
  'mnist': Entry(label='label', pad=True),
  'fashion_mnist': Entry(label='label', pad=True),
  'cifar10': Entry(label='label'),
  # By van den Oord et al. 2016. There is no test split; all papers test on
  # 'validation'.
  'downsampled_imagenet/32x32': Entry(('validation',)),
  'downsampled_imagenet/64x64': Entry(('validation',)),
  'imagenet_resized/32x32': _RESIZED,
  'imagenet_resized/64x64': _RESIZED,
  # As in Dinh et al. (RealNVP): central crops of 148x148, resized to 64x64.
  'celeb_a': Entry(label='attributes', crop=148, note='central 148x148'),
  # The only split is 'train', 30,000 images. Glow uses `data.num_bits` 5.
  'celeb_a_hq/256': Entry(()),
  # The scenes have 'train' and 'validation', the objects only 'train'.
  'lsun': Entry(('validation',)),
}


def find(name: str) -> Entry:
  """Returns the entry of a data set, or the generic one.

  Args:
    name: name[/config][:version], as in TensorFlow Datasets.

  Returns:
    The entry of name/config, else that of name, else the generic one.
  """
  name = name.partition(':')[0]
  generic = Entry(label='label')
  return CATALOGUE.get(name) or CATALOGUE.get(name.split('/')[0], generic)
