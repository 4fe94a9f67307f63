"""The flow that the page uses, with cached results."""

import functools
import threading

import numpy as np

from tfp_cinc.models import pretrained_names

from ..errors import UserError
from ..run_folder.config_file import is_weights
from ..trained import open_flow
from .examples import Examples, load_examples

__all__ = ['NUMBERS', 'Label', 'Served', 'open_served']

# A class, attributes that are 0 or 1, or None if the flow is not conditional.
Label = int | tuple[int, ...] | None

NUMBERS = (16, 36, 64)  # possible numbers of samples in a grid
_COMPARED = 512  # largest number of images in the histogram
_NOISE_DRAWS = 4
_PORTION = 64  # images between two updates of the progress bar


def open_served(path: str) -> 'Served':
  """Opens a flow for the page, and traces it.

  A flow of the package comes without its data, so the page shows `Examples`.

  Args:
    path: Folder of a run or of a SavedModel, a file of weights, or the name of
      a flow of the package.

  Returns:
    The flow.

  Raises:
    UserError: If there is no flow, or it is conditional on images.
  """
  flow = open_flow(path)
  if flow.condition is not None and not flow.condition.takes_labels:
    raise UserError(
      f'{path} is conditional on images, which the page does not support; use '
      '`tfp-cinc upscale` or `tfp-cinc inpaint`.'
    )
  of_package = is_weights(path) and path in pretrained_names()
  served = Served(flow, load_examples(flow) if of_package else None)
  served.warm_up()
  return served


class Served:
  """A flow that may be used by several browser tabs at the same time.

  Their calls run one after the other. Every image is uint8 [H, W, C]. The
  latents of the last images are cached, because moving a slider calls the
  functions again with the same image. A conditional flow is used given a label,
  see `Label`.

  Args:
    flow: `TrainedFlow`.
    examples: Images to show in place of test images, or None.
  """

  def __init__(self, flow, examples: Examples | None = None):
    self.flow, self.examples = flow, examples
    self._lock = threading.Lock()
    self._encoded = functools.lru_cache(maxsize=8)(self._encode)
    self._known_bits = None

  @property
  def name(self) -> str:
    """Name of the data set that it was trained on."""
    return self.flow.name

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(H, W, C)."""
    return self.flow.image_shape

  def keep_bits(self, image: np.ndarray) -> np.ndarray:
    """Returns an image, uint8 [H, W, C], as the flow reads it."""
    return self.flow.keep_bits(image)

  @property
  def levels(self) -> int:
    """Number of levels of its latents."""
    return int(self.flow.latent_levels.max()) + 1

  @property
  def directions(self):
    """Its `tfp_cinc.latents.AttributeDirections`, or None."""
    if self.examples is not None:
      return self.examples.directions
    return self.flow.directions

  @property
  def can_change(self) -> bool:
    """Whether `change` does more than reconstruct an image."""
    return self.directions is not None or self.label_names is not None

  @property
  def label_names(self) -> tuple[str, ...] | None:
    """Names of the classes or attributes; None if it is not conditional."""
    condition = self.flow.condition
    if condition is None:
      return None
    numbers = map(str, range(condition.channels))
    return condition.label_names or tuple(numbers)

  @property
  def has_classes(self) -> bool:
    """Whether a label is a class."""
    condition = self.flow.condition
    return condition is not None and condition.num_classes is not None

  @property
  def first_label(self) -> Label:
    """The first class, or no attributes."""
    if self.label_names is None:
      return None
    return 0 if self.has_classes else (0,) * len(self.label_names)

  def test_label(self, number: int) -> Label:
    """Returns the label of a test image; None if the flow takes none."""
    labels = self.flow.test_labels
    if self.label_names is None or labels is None:
      return None
    found = labels[number].tolist()
    return found if self.has_classes else tuple(found)

  def _given(self, label, number):
    """Returns a label as the condition of a number of images, or None."""
    if label is None:
      return None
    labels = np.repeat(np.array(label)[np.newaxis], number, 0)
    return self.flow.condition.inputs(None, labels)

  @property
  def known_images(self) -> np.ndarray | None:
    """The examples or the test images, uint8 [N, H, W, C], or None."""
    if self.examples is not None:
      return self.examples.images
    return self.flow.test_images

  @property
  def kind(self) -> str:
    """What `known_images` are: 'test' or 'example'."""
    return 'test' if self.examples is None else 'example'

  def warm_up(self) -> None:
    """Calls every function once, so that the user does not wait for tracing."""
    label = self.first_label
    first, second = self.sample(2, 1.0, 0, label)
    for number in NUMBERS:
      self.sample(number, 1.0, 0, label)
    self.change(first, {}, None, label, label)
    self.interpolate(first, second, 8, 'linear', label)
    self.interpolate(first, second, 8, 'spherical', label)
    self.bits_per_dim(first, label)

  def sample(
    self, number: int, temperature: float, seed: int, label: Label = None
  ) -> np.ndarray:
    """Returns samples, uint8 [number, H, W, C]."""
    with self._lock:
      return self.flow.sample(
        number, temperature, seed, condition=self._given(label, number)
      )

  def change(
    self,
    image: np.ndarray,
    strengths: dict,
    level: int | None = None,
    label: Label = None,
    to: Label = None,
  ) -> np.ndarray:
    """Moves the latents of an image along the directions of attributes.

    Args:
      image: The image.
      strengths: Factor of the direction of each attribute, by name.
      level: The only level whose latents are moved; None moves all levels.
      label: Label of the image.
      to: Label under which the moved latents are decoded.

    Returns:
      uint8 [H, W, C]. Without strengths and with its own label, this is the
      image, without the bits that the flow ignores.
    """
    latents = self._encoded(image.tobytes(), label)
    moved = latents + sum(
      strength * self.directions.direction(name)
      for name, strength in strengths.items()
    )
    if level is not None:
      moved = np.where(self.flow.latent_levels == level, moved, latents)
    with self._lock:
      return self.flow.decode(moved.astype(np.float32), self._given(to, 1))[0]

  def _encode(self, pixels, label):
    image = np.frombuffer(pixels, np.uint8).reshape(self.flow.image_shape)
    with self._lock:
      return self.flow.encode(image[np.newaxis], self._given(label, 1))

  def interpolate(
    self,
    first: np.ndarray,
    second: np.ndarray,
    steps: int,
    method: str,
    label: Label = None,
  ) -> np.ndarray:
    """Returns images between two images, uint8 [steps, H, W, C]."""
    with self._lock:
      return self.flow.interpolate(
        first[None], second[None], steps, method, self._given(label, 1)
      )[0]

  def bits_per_dim(self, image: np.ndarray, label: Label = None) -> np.ndarray:
    """Returns the contribution of each level to the bits/dim, [L]."""
    with self._lock:
      return self.flow.bits_per_dim_by_level(
        image[np.newaxis],
        noise_draws=_NOISE_DRAWS,
        condition=self._given(label, 1),
      )[0]

  def known_bits(self, report=lambda share: None) -> np.ndarray | None:
    """Returns the bits/dim of `known_images`, computed at the first call.

    Args:
      report: Called with the fraction that is done, from 0 to 1.

    Returns:
      float64 [N]; None if there are no such images.
    """
    if self._known_bits is None and self.known_images is not None:
      images = self.known_images[:_COMPARED]
      labels = self.flow.test_labels
      bits = []
      for start in range(0, len(images), _PORTION):
        report(start / len(images))
        some = slice(start, start + _PORTION)
        given = self.flow.condition_of(
          images[some], None if labels is None else labels[some]
        )
        with self._lock:
          bits.append(
            self.flow.bits_per_dim(
              images[some], noise_draws=_NOISE_DRAWS, condition=given
            )
          )
      self._known_bits = np.concatenate(bits)
    return self._known_bits
