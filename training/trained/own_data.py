"""The data set of a command: that of the flow, or that of the user."""

import numpy as np

from ..configs.base import get_base_config
from ..data.dataset import Dataset
from ..data.load import load_dataset
from ..data.location import kind_of_data
from ..errors import UserError

__all__ = ['own_data', 'own_labels']


def own_data(
  flow, path: str | None, split: str | None, default: str
) -> tuple[Dataset, str]:
  """Loads the data set that a flow was trained on, or that of a user.

  Args:
    flow: `TrainedFlow`.
    path: Folder of images, .npy or .npz file, or folder of .npy files. None
      loads the data set that the flow was trained on.
    split: Name of the split. None is `default` for the data set of the flow and
      'all' for that of a user.
    default: Name of a split.

  Returns:
    (`Dataset` with images of the shape of the flow, name of the split).

  Raises:
    UserError: If there is no data set, or its images have another shape.
  """
  if path is None:
    if flow.dataset is None:
      raise UserError(
        f'{flow.path} does not say where its data ({flow.name}) '
        f'are; name a folder '
        'of images with --data.'
      )
    return flow.dataset, split or default
  config = get_base_config().data
  config.name = kind_of_data(path, '--data')
  config.dir, config.image_size = str(path), flow.image_shape[0]
  # If there are no splits, all images are used, so that two are enough.
  config.num_bits, config.test_fraction = flow.num_bits, 0.5
  if flow.image_shape[-1] == 1:
    config.channels = 1
  dataset = load_dataset(config)
  if tuple(dataset.image_shape) != flow.image_shape:
    raise UserError(
      f'the images of {path} have shape {list(dataset.image_shape)}, but this '
      f'flow takes {list(flow.image_shape)}.'
    )
  return dataset, split or 'all'


def own_labels(
  flow, dataset: Dataset, labels: np.ndarray | None
) -> np.ndarray | None:
  """Returns the labels of images as the labels of a conditional flow.

  Classes of the same name are the same, even if the data set of the user has
  only some of them.

  Args:
    flow: `TrainedFlow`.
    dataset: Data set of the images.
    labels: int64 [N] classes or [N, A] attributes of `dataset`, or None.

  Returns:
    Labels of the same shape; None if the flow is not conditional on labels.

  Raises:
    UserError: If there are no labels, or the flow does not know one.
  """
  condition = flow.condition
  if condition is None or not condition.takes_labels:
    return None
  if labels is None:
    raise UserError(
      f'{flow.path} is conditional on labels, and the images of {dataset.name} '
      'have none; name a folder with a sub-folder for each class.'
    )
  known, names = condition.label_names, dataset.label_names
  if None in (known, names) or known == names:
    return labels
  unknown = [name for name in names if name not in known]
  if unknown or labels.ndim > 1:
    raise UserError(
      f'{flow.path} does not know the labels {", ".join(unknown or names)} of '
      f'{dataset.name}; it knows {", ".join(known)}.'
    )
  return np.array([known.index(name) for name in names])[labels]
