"""The data set that a configuration names."""

from ..configs.options import check_section
from .dataset import Dataset
from .location import check_location
from .readers import arrays, builtin, folder, tfds

__all__ = ['load_dataset']

_READERS = {
  'photos': builtin.photos,
  'digits': builtin.digits,
  'folder': folder.folder,
  'arrays': arrays.arrays,
  'tfds': tfds.prepared,
  'made_up': builtin.made_up,
}


def load_dataset(config) -> Dataset:
  """Loads the data set that a `data` section names.

  No image is read here. Training images are kept in memory as they are read,
  up to `config.cache_mb` (see `cache.Reader`). Test images, N * H * W * C
  bytes, are read when `Dataset.test_images` is first used.

  Args:
    config: The `data` section of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: If a value is out of range, or there are no images.
  """
  check_section('data', config)
  check_location(config)
  return _READERS[config.name](config)
