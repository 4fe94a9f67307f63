"""Directions in latent space along which attributes of images increase."""

import dataclasses
import difflib
import io
import os
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.files import replace_file
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
  """A direction in latent space for each attribute.

  Attributes:
    names: Names of the A attributes.
    directions: Array [A, D], float32. `manipulate` moves images along a
      direction.
    method: Method by which the directions were computed, 'correlation' or
      'class_means'; see `attribute_directions`.
    layer: Name of the layer to whose `activations` the directions belong, None
      for latents.
    weights: `weights_digest` of the flow to whose latents they belong, None if
      not known.
  """

  names: list[str]
  directions: np.ndarray
  method: str
  layer: str | None = None
  weights: str | None = None

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
    if not np.all(np.isfinite(directions)):
      raise ValueError('`directions` have values that are not finite.')

  def direction(self, name: str) -> np.ndarray:
    """Returns the direction of an attribute.

    Args:
      name: Name of the attribute, one of `names`.

    Returns:
      float32 array [D].

    Raises:
      ValueError: If there is no such attribute; the message lists similar
        names.
    """
    if name in self.names:
      return self.directions[self.names.index(name)]
    by_lower = {other.lower(): other for other in self.names}
    near = difflib.get_close_matches(str(name).lower(), by_lower, 3, 0.5)
    near = [by_lower[lower] for lower in near] or self.names[:10]
    verb = 'are' if len(near) == len(self.names) else 'include'
    raise ValueError(
      f'there is no attribute {name!r}; the names {verb} {", ".join(near)}.'
    )

  def save(self, path: str | os.PathLike) -> None:
    """Writes the directions to an .npz file.

    The file is replaced atomically.

    Args:
      path: Path of the file. An existing file is replaced.
    """
    content = io.BytesIO()
    np.savez(
      content,
      format=_FORMAT,
      names=np.array(self.names, dtype=np.str_),
      directions=self.directions,
      method=self.method,
      layer=self.layer or '',
      weights=self.weights or '',
    )
    replace_file(path, content.getvalue())

  @classmethod
  def load(cls, path: str | os.PathLike) -> 'AttributeDirections':
    """Returns the directions that `save` wrote to a file.

    Args:
      path: Path of the file.

    Raises:
      ValueError: If the file does not exist or was not written by `save`.
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
          # Files of earlier versions do not have it.
          str(file.get('weights', '')) or None,
        )
    except FileNotFoundError:
      raise ValueError(f'{os.fspath(path)} does not exist.') from None
    except (
      AttributeError,  # an .npy file, which is not an archive
      EOFError,
      KeyError,
      OSError,
      TypeError,
      ValueError,
      zipfile.BadZipFile,
    ) as error:
      raise ValueError(
        f'{os.fspath(path)} is not a complete file of attribute directions '
        'written by `AttributeDirections.save`.'
      ) from error
    return directions


def attribute_directions(
  batches: Iterable,
  method: str = 'correlation',
  names: Sequence[str] | None = None,
  layer: str | None = None,
  weights: str | None = None,
) -> AttributeDirections:
  """Learns the direction of each attribute in one pass over a data set.

  For the latents Z of N images and their attributes A, the direction d_i of
  attribute i is

  ```
  class_means: d_i = mean(Z with attribute i) - mean(Z without attribute i)
  correlation: d_i = C_i |class_means_i| / |C_i|,  C = A^T Z / N
  ```

  In C the columns of A and Z are normalized to mean 0 and standard deviation 1.
  'class_means' weights all latents equally; 'correlation' weights each latent
  by its correlation with the attribute. The two are equal if all latents have
  the same standard deviation. Both have the length of the difference of the
  means. A step of strength 1 is therefore as long as the distance between the
  mean latents with and without the attribute.

  Only sums are stored, in float64, so that memory is O(A D). The batches are
  merged by a numerically stable formula.

  #### Example

  >>> z = np.random.default_rng(0).normal(size=[100, 8])
  >>> found = attribute_directions([(z, z[:, :1] > 0)], names=['Smiling'])
  >>> int(found.direction('Smiling').argmax())
  0

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section 6;
  Nagar, Dufraisse and Varma 2021, [CInC
  Flow](https://arxiv.org/abs/2107.01358), section 3.4; Chan, Golub and LeVeque
  1983, Algorithms for Computing the Sample Variance, for the merging.

  Args:
    batches: Iterable of (latents, attributes), floating [n, D] and [n, A]. It
      is read once. Attributes are 0 and 1, or -1 and 1; `one_hot_attributes`
      creates them from class labels.
    method: Method, 'correlation' or 'class_means'.
    names: Names of the attributes. None numbers them from 0.
    layer: Name of the layer, if the latents are its `activations`. It is only
      recorded in the result.
    weights: `weights_digest` of the flow. It is only recorded in the result,
      and `export_saved_model` compares it.

  Returns:
    `AttributeDirections`.

  Raises:
    ValueError: If there are no batches, if shapes do not match, if values are
      not finite or not as described above, or if an attribute is the same for
      all images.
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
      'a direction needs images with and without the attribute.'
    )
  variance = (share * (1.0 - share))[:, np.newaxis]
  directions = moments.covariance / variance  # difference of the means
  if method == 'correlation':
    deviation = np.sqrt(moments.variance_z)
    # A smaller deviation is rounding error and correlates with nothing.
    least = np.finfo(np.float32).eps * np.abs(moments.mean_z)
    varies = deviation > least
    correlation = directions * varies / np.where(varies, deviation, 1.0)
    lengths = np.linalg.norm(correlation, axis=1, keepdims=True)
    correlation /= np.where(lengths > 0, lengths, 1.0)
    directions = correlation * np.linalg.norm(directions, axis=1, keepdims=True)
  return AttributeDirections(names, directions, method, layer, weights)


def one_hot_attributes(
  labels: np.ndarray | Sequence[int], num_classes: int | None = None
) -> np.ndarray:
  """Returns class labels as attributes, one attribute for each class.

  #### Example

  >>> one_hot_attributes([2, 0], num_classes=3).tolist()
  [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]

  Args:
    labels: Class labels, integers [n] from 0.
    num_classes: Number of classes A. None means the largest label plus one.

  Returns:
    float32 array [n, A] of 0 and 1.

  Raises:
    ValueError: If `labels` are not integers [n] or are out of range.
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
      f'`labels` are from {labels.min()} to {labels.max()}; for {num_classes} '
      f'classes they must be 0 to {num_classes - 1}.'
    )
  return np.eye(num_classes, dtype=np.float32)[labels]


def _as_binary(attributes, names):
  """Returns attributes as 0 and 1, float64."""
  number = f'{len(names)}' if names is not None else 'A'
  if attributes.ndim != 2 or (
    names is not None and attributes.shape[1] != len(names)
  ):
    raise ValueError(
      f'a batch has attributes of shape {list(attributes.shape)}; they must be '
      f'[n, {number}]: use `one_hot_attributes` for class labels.'
    )
  attributes = attributes.astype(np.float64)
  wrong = ~np.isin(attributes, (-1.0, 0.0, 1.0))
  if np.any(wrong):
    raise ValueError(
      f'a batch has the attribute value {attributes[wrong][0]:g}; attributes '
      'must be 0 and 1, or -1 and 1.'
    )
  return (attributes > 0).astype(np.float64)
