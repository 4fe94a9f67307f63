"""The data sets of the papers that TensorFlow Datasets prepares, in one table.

A name that is not here works by the generic rule: its 'test' split is for
testing, or a part of 'train' where there is none; central squares are resized.
"""

import dataclasses

__all__ = ['CATALOGUE', 'Entry', 'find']


@dataclasses.dataclass(frozen=True)
class Entry:
  """What reading a data set needs besides its name.

  Attributes:
    test_splits: the first of these that the set has is for testing; where it
      has none, a part of 'train' is held out.
    label: the feature that labels images, a class or a dict of attributes, or
      None.
    crop: side in pixels of the central square to keep, 0: the largest.
    pad: whether images below `data.image_size` get a black frame in place of
      being enlarged.
    note: what whoever compares numbers must know; it is part of the name that
      is printed.
  """

  test_splits: tuple[str, ...] = ('test',)
  label: str | None = None
  crop: int = 0
  pad: bool = False
  note: str = ''


_RESIZED = Entry(
  ('validation',),
  'label',
  note='resized by Chrabaszcz et al.; its bits/dim do not compare with those '
  'on downsampled_imagenet, which the papers use',
)

CATALOGUE = {
  'mnist': Entry(label='label', pad=True),
  'fashion_mnist': Entry(label='label', pad=True),
  'cifar10': Entry(label='label'),
  # van den Oord et al. 2016. There is no test split; all papers test on
  # 'validation'.
  'downsampled_imagenet/32x32': Entry(('validation',)),
  'downsampled_imagenet/64x64': Entry(('validation',)),
  'imagenet_resized/32x32': _RESIZED,
  'imagenet_resized/64x64': _RESIZED,
  # As Dinh et al. (RealNVP) do: central crops of 148x148, resized to 64x64.
  'celeb_a': Entry(label='attributes', crop=148, note='central 148x148'),
  # 30000 images in 'train' alone; Glow uses them with `data.num_bits` 5.
  'celeb_a_hq/256': Entry(()),
  # The scenes have 'train' and 'validation', the objects 'train' alone.
  'lsun': Entry(('validation',)),
}


def find(name: str) -> Entry:
  """The entry of a data set, or the generic one.

  Args:
    name: name[/config][:version], as TensorFlow Datasets takes it.

  Returns:
    The entry of name/config, else of name, else `Entry()`.
  """
  name = name.partition(':')[0]
  generic = Entry(label='label')
  return CATALOGUE.get(name) or CATALOGUE.get(name.split('/')[0], generic)
