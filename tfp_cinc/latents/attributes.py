"""Directions of the latents in which attributes of images grow."""

import dataclasses
import difflib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.latents.moments import Moments

__all__ = [
  'METHODS',
  'AttributeDirections',
  'attribute_directions',
  'one_hot_attributes',
]

METHODS = ('correlation', 'class_means')

_FORMAT = 'tfp_cinc attribute directions'


@dataclasses.dataclass(frozen=True)
class AttributeDirections:
  """A direction of the latents for each attribute.

  Attributes:
    names: of the A attributes.
    directions: float32 [A, D]; what a step along one does, `manipulate` shows.
    method: 'correlation' or 'class_means', see `attribute_directions`.
    layer: whose activations they are directions of, see `activations`; None for
      the latents.
  """

  names: list[str]
  directions: np.ndarray
  method: str
  layer: str | None = None

  def __post_init__(self):
    check_choice('method', self.method, METHODS)
    directions = np.asarray(self.directions, np.float32)
    object.__setattr__(self, 'names', [str(name) for name in self.names])
    object.__setattr__(self, 'directions', directions)
    if directions.ndim != 2 or len(directions) != len(self.names):
      raise ValueError(
        f'`directions` have shape {list(directions.shape)}; for '
        f'{len(self.names)} names they must be [{len(self.names)}, D].'
      )

  def direction(self, name: str) -> np.ndarray:
    """The direction of an attribute.

    Args:
      name: one of `names`.

    Returns:
      float32 array [D].

    Raises:
      ValueError: if there is no such attribute, naming the nearest ones.
    """
    if name in self.names:
      return self.directions[self.names.index(name)]
    by_lower = {other.lower(): other for other in self.names}
    near = difflib.get_close_matches(str(name).lower(), by_lower, 3, 0.5)
    near = [by_lower[lower] for lower in near] or self.names[:10]
    more = '' if len(near) == len(self.names) else ', among others'
    raise ValueError(
      f'there is no attribute {name!r}; there are {", ".join(near)}{more}.'
    )

  def save(self, path: str | os.PathLike) -> None:
    """Writes them as an .npz file, under a temporary name first.

    Args:
      path: of the file. What is there is replaced.
    """
    path = os.path.abspath(os.fspath(path))
    handle, temporary = tempfile.mkstemp(
      prefix=f'.{os.path.basename(path)}-', dir=os.path.dirname(path)
    )
    try:
      with os.fdopen(handle, 'wb') as file:
        np.savez(
          file,
          format=_FORMAT,
          names=np.array(self.names, dtype=np.str_),
          directions=self.directions,
          method=self.method,
          layer=self.layer or '',
        )
      os.chmod(temporary, 0o644)
      os.replace(temporary, path)
    except BaseException:
      os.unlink(temporary)
      raise

  @classmethod
  def load(cls, path: str | os.PathLike) -> 'AttributeDirections':
    """Reads what `save` has written.

    Args:
      path: of the file.

    Returns:
      `AttributeDirections`.

    Raises:
      ValueError: if there is no such file, or it is another one.
    """
    try:
      with np.load(path, allow_pickle=False) as file:
        if str(file['format']) != _FORMAT:
          raise ValueError('of another format')
        directions = cls(
          file['names'].tolist(),
          file['directions'],
          str(file['method']),
          str(file['layer']) or None,
        )
    except FileNotFoundError:
      raise ValueError(f'{os.fspath(path)} does not exist.') from None
    except (
      AttributeError,  # of an .npy, which is no archive
      EOFError,
      KeyError,
      OSError,
      TypeError,
      ValueError,
      zipfile.BadZipFile,
    ) as error:
      raise ValueError(
        f'{os.fspath(path)} is no whole file of attribute directions, as '
        '`AttributeDirections.save` writes them.'
      ) from error
    return directions


def attribute_directions(
  batches: Iterable,
  method: str = 'correlation',
  names: Sequence[str] | None = None,
  layer: str | None = None,
) -> AttributeDirections:
  """Learns the direction of each attribute, in one pass over a data set.

  With Z the latents of N images and A their attributes, the direction d_i of
  attribute i is

    class_means: d_i = mean(Z of those that have it) - mean(Z of the others)
    correlation: d_i = C_i |class_means_i| / |C_i|, with C = A^T Z / N of the
      columns of A and Z brought to mean 0 and deviation 1

  of Glow, section 6, and of the CInC Flow paper, section 3.4. In the first all
  latents count as they are, in the second by how surely they go with the
  attribute; where all have the same deviation, the two are one. Both have the
  length of the difference of the means, so that a strength of 1 takes an image
  as far as the average one without the attribute is from the average one with
  it. Sums are kept in float64 and no latents: memory is O(A D), and they are
  merged batch by batch (Chan, Golub and LeVeque 1983), which is stable.

  Args:
    batches: an iterable of (latents floating [n, D], attributes [n, A]), which
      is gone through once. Attributes are 0 and 1, or -1 and 1; of classes,
      `one_hot_attributes` makes them.
    method: 'correlation' or 'class_means'.
    names: of the attributes; None numbers them from 0.
    layer: the layer, where the latents are its `activations`; it is noted.

  Returns:
    `AttributeDirections`.

  Raises:
    ValueError: if there are no batches, shapes do not go together, values are
      not finite or not as above, or an attribute is the same for all images.

  #### Example

  >>> z = np.random.default_rng(0).normal(size=[100, 8])
  >>> found = attribute_directions([(z, z[:, :1] > 0)], names=['Smiling'])
  >>> int(found.direction('Smiling').argmax())
  0
  """
  check_choice('method', method, METHODS)
  moments = Moments()
  for latents, attributes in batches:
    latents = np.asarray(latents)
    attributes = _as_binary(np.asarray(attributes), names)
    if latents.ndim != 2 or len(latents) != len(attributes):
      raise ValueError(
        f'a batch has latents of shape {list(latents.shape)} and attributes '
        f'of shape {list(attributes.shape)}; they must be [n, D] and [n, A].'
      )
    if not np.all(np.isfinite(latents)):
      raise ValueError('a batch has latents that are not finite.')
    moments.add(attributes, latents)
  if not moments.count:
    raise ValueError('there are no images to learn attributes from.')
  share = moments.mean_a
  names = list(map(str, range(len(share)) if names is None else names))
  constant = [name for name, p in zip(names, share, strict=True) if p in (0, 1)]
  if constant:
    raise ValueError(
      f'the attributes {constant} are the same for all {moments.count} images; '
      'a direction needs images with and without.'
    )
  variance = (share * (1.0 - share))[:, np.newaxis]
  directions = moments.covariance / variance  # the difference of the means
  if method == 'correlation':
    deviation = np.sqrt(moments.variance_z)
    # Less is rounding, and goes with no attribute.
    least = np.finfo(np.float32).eps * np.abs(moments.mean_z)
    varies = deviation > least
    correlation = directions * varies / np.where(varies, deviation, 1.0)
    lengths = np.linalg.norm(correlation, axis=1, keepdims=True)
    correlation /= np.where(lengths > 0, lengths, 1.0)
    directions = correlation * np.linalg.norm(directions, axis=1, keepdims=True)
  return AttributeDirections(names, directions, method, layer)


def one_hot_attributes(labels, num_classes: int | None = None) -> np.ndarray:
  """Attributes of classes: each class is one, which its images have.

  Args:
    labels: integers [n], from 0.
    num_classes: A; None for those of `labels`, which must then be all of them.

  Returns:
    float32 array [n, A] of 0 and 1.

  Raises:
    ValueError: if `labels` are not as above.

  #### Example

  >>> one_hot_attributes([2, 0], num_classes=3).tolist()
  [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
  """
  labels = np.asarray(labels)
  if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
    raise ValueError(
      f'`labels` are {labels.dtype} of shape {list(labels.shape)}; they must '
      'be integers [n].'
    )
  if num_classes is None:
    num_classes = int(labels.max(initial=-1)) + 1
  if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
    raise ValueError(
      f'`labels` go from {labels.min()} to {labels.max()}; of {num_classes} '
      f'classes they must be 0 to {num_classes - 1}.'
    )
  return np.eye(num_classes, dtype=np.float32)[labels]


def _as_binary(attributes, names):
  """Attributes as 0 and 1, float64."""
  number = f'{len(names)}' if names is not None else 'A'
  if attributes.ndim != 2 or (
    names is not None and attributes.shape[1] != len(names)
  ):
    raise ValueError(
      f'a batch has attributes of shape {list(attributes.shape)}; they must be '
      f'[n, {number}]: use `one_hot_attributes` for classes.'
    )
  attributes = attributes.astype(np.float64)
  wrong = ~np.isin(attributes, (-1.0, 0.0, 1.0))
  if np.any(wrong):
    raise ValueError(
      f'a batch has the attribute value {attributes[wrong][0]:g}; attributes '
      'are 0 and 1, or -1 and 1.'
    )
  return (attributes > 0).astype(np.float64)
