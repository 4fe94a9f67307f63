"""The facts about its data set that a trained flow needs."""

import dataclasses

__all__ = ['DataFacts']


@dataclasses.dataclass(frozen=True)
class DataFacts:
  """Properties of a data set, kept in the config.json of a run.

  Attributes:
    name: Name of the data set, for messages.
    image_shape: (H, W, C).
    label_names: Names of the classes or attributes, in the order of the labels;
      None if they have no names.
    license: License of the images, '' if not known.
    num_train: Number of training images; None if they are drawn without end.
    digest: Text that differs if the images do; None if not known.
    num_classes: Number of classes, of which each image has one; None if there
      are no classes.
    num_attributes: Number of attributes, each of which an image has or not;
      None if there are no attributes.
  """

  name: str
  image_shape: tuple[int, int, int]
  label_names: tuple[str, ...] | None = None
  license: str = ''
  num_train: int | None = None
  digest: str | None = None
  num_classes: int | None = None
  num_attributes: int | None = None

  def to_json(self) -> dict:
    """Returns a dict of JSON values."""
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, values: dict) -> 'DataFacts':
    """Returns the facts that `to_json` returned as a dict.

    Args:
      values: A dict of JSON values.

    Returns:
      `DataFacts`.

    Raises:
      KeyError, TypeError, ValueError: If a value is missing or invalid.
    """
    height, width, channels = map(int, values['image_shape'])
    if min(height, width, channels) < 1:
      raise ValueError(values['image_shape'])
    names = values.get('label_names')
    return cls(
      str(values['name']),
      (height, width, channels),
      None if names is None else tuple(map(str, names)),
      str(values.get('license') or ''),
      values.get('num_train'),
      values.get('digest'),
      values.get('num_classes'),
      values.get('num_attributes'),
    )
