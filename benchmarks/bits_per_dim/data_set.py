"""A data set that flows are compared on."""

import dataclasses
import json
import pathlib

from training.data.location import array_files, prepared_tfds_folder
from training.errors import UserError

__all__ = ['PACKAGED', 'PHOTOS', 'DataSet']

# Changes to the configurations for the photographs, by data set.
PACKAGED = {
  'photos': {},
  'digits': {
    'data.name': 'digits',
    'data.image_size': 16,
    'data.flip': False,
    'flow.levels': 2,
    'flow.hidden_channels': 64,
  },
}


@dataclasses.dataclass(frozen=True)
class DataSet:
  """A data set, wherever it is.

  Attributes:
    name: A key of `PACKAGED`, or the name of a folder or file.
    num_train: Number of training images; 0 for a packaged data set.
    num_test: Number of test images; 0 for a packaged data set.
    digest: Hash of the images; '' for a packaged data set.
    path: Path of the images: .npy or .npz arrays, or a folder that TensorFlow
      Datasets has prepared. '' for a packaged data set, or if no image is
      needed. It is not part of the identity.
  """

  name: str
  num_train: int = 0
  num_test: int = 0
  digest: str = ''
  path: str = dataclasses.field(default='', compare=False)

  def facts(self) -> dict:
    """Returns everything except the path; `DataSet(**facts)` is equal."""
    values = dataclasses.asdict(self)
    del values['path']
    return values

  def options(self) -> dict[str, object]:
    """Returns overrides of a configuration for the photographs.

    Returns:
      Values by dotted name. Without a path, those that say where the images are
      are missing.

    Raises:
      UserError: If there is no such data at the path.
    """
    if self.name in PACKAGED:
      return PACKAGED[self.name]
    if not self.path:
      return {}
    path = pathlib.Path(self.path)
    if path.is_file() or array_files(path):
      return {'data.name': 'arrays', 'data.dir': self.path}
    return {'data.name': 'tfds', **_prepared(path)}


PHOTOS = DataSet('photos')


def _prepared(path):
  """Returns the name and the data_dir of a prepared folder."""
  if not path.is_dir():
    raise UserError(
      f'--data {path} is neither one of {", ".join(PACKAGED)} nor the path of '
      'arrays (a folder with train.npy and test.npy, or a .npy or .npz file) '
      'or of a data set that `tfp-cinc prepare` has prepared.'
    )
  if not (path / 'dataset_info.json').exists():
    path = pathlib.Path(prepared_tfds_folder(path.name, str(path.parent)))
  info = json.loads((path / 'dataset_info.json').read_text())
  names = [info['name'], *filter(None, [info.get('configName')])]
  return {
    'data.tfds_name': f'{"/".join(names)}:{path.name}',
    'data.dir': str(path.parents[len(names)]),
  }
