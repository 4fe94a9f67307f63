"""The flow that the page uses, with cached results."""

import functools
import threading

import numpy as np

from ..trained import open_flow

__all__ = ['NUMBERS', 'Served', 'current', 'open_served']

NUMBERS = (16, 36, 64)  # possible numbers of samples in a grid
_TEST_IMAGES = 512  # largest number of test images in the histogram
_NOISE_DRAWS = 4
_PORTION = 64  # test images between two updates of the progress bar

_current = None


def open_served(path: str) -> 'Served':
  """Opens the flow that the page of this process shows, and traces it.

  Args:
    path: Folder of a run or of a SavedModel.

  Returns:
    The flow. `current` returns it, too.

  Raises:
    UserError: If there is no flow.
  """
  global _current
  served = Served(open_flow(path))
  served.warm_up()
  _current = served
  return served


def current() -> 'Served':
  """Returns the flow that `open_served` opened last."""
  return _current


class Served:
  """A flow that may be used by several browser tabs at the same time.

  Their calls run one after the other. Every image is uint8 [H, W, C]. The
  latents of the last images are cached, because moving a slider calls the
  functions again with the same image.

  Args:
    flow: `TrainedFlow`.
  """

  def __init__(self, flow):
    self.flow = flow
    self._lock = threading.Lock()
    self._encoded = functools.lru_cache(maxsize=8)(self._encode)
    self._test_bits = None

  @property
  def name(self) -> str:
    """Name of the data set that it was trained on."""
    return self.flow.name

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(H, W, C)."""
    return self.flow.image_shape

  @property
  def levels(self) -> int:
    """Number of levels of its latents."""
    return int(self.flow.latent_levels.max()) + 1

  @property
  def directions(self):
    """Its `tfp_cinc.latents.AttributeDirections`, or None."""
    return self.flow.directions

  @property
  def test_images(self) -> np.ndarray | None:
    """uint8 [N, H, W, C], or None."""
    return self.flow.test_images

  def warm_up(self) -> None:
    """Calls every function once, so that the user does not wait for tracing."""
    first, second = self.sample(2, 1.0, 0)
    for number in NUMBERS:
      self.sample(number, 1.0, 0)
    self.change(first, {})
    self.interpolate(first, second, 8, 'linear')
    self.interpolate(first, second, 8, 'spherical')
    self.bits_per_dim(first)

  def sample(self, number: int, temperature: float, seed: int) -> np.ndarray:
    """Returns samples, uint8 [number, H, W, C]."""
    with self._lock:
      return self.flow.sample(number, temperature, seed)

  def change(
    self, image: np.ndarray, strengths: dict, level: int | None = None
  ) -> np.ndarray:
    """Moves the latents of an image along the directions of attributes.

    Args:
      image: The image.
      strengths: Factor of the direction of each attribute, by name.
      level: The only level whose latents are moved; None moves all levels.

    Returns:
      uint8 [H, W, C]. Without strengths this is the reconstruction of the
      image.
    """
    latents = self._encoded(image.tobytes())
    moved = latents + sum(
      strength * self.flow.directions.direction(name)
      for name, strength in strengths.items()
    )
    if level is not None:
      moved = np.where(self.flow.latent_levels == level, moved, latents)
    with self._lock:
      return self.flow.decode(moved.astype(np.float32))[0]

  def _encode(self, pixels):
    image = np.frombuffer(pixels, np.uint8).reshape(self.flow.image_shape)
    with self._lock:
      return self.flow.encode(image[np.newaxis])

  def interpolate(
    self, first: np.ndarray, second: np.ndarray, steps: int, method: str
  ) -> np.ndarray:
    """Returns images between two images, uint8 [steps, H, W, C]."""
    with self._lock:
      return self.flow.interpolate(first[None], second[None], steps, method)[0]

  def bits_per_dim(self, image: np.ndarray) -> np.ndarray:
    """Returns the contribution of each level to the bits/dim, [L]."""
    with self._lock:
      return self.flow.bits_per_dim_by_level(
        image[np.newaxis], noise_draws=_NOISE_DRAWS
      )[0]

  def test_bits(self, report=lambda share: None) -> np.ndarray | None:
    """Returns the bits/dim of test images, computed at the first call.

    Args:
      report: Called with the fraction that is done, from 0 to 1.

    Returns:
      float64 [N]; None if there is no test set.
    """
    if self._test_bits is None and self.flow.test_images is not None:
      images = self.flow.test_images[:_TEST_IMAGES]
      bits = []
      for start in range(0, len(images), _PORTION):
        report(start / len(images))
        with self._lock:
          bits.append(
            self.flow.bits_per_dim(
              images[start : start + _PORTION], noise_draws=_NOISE_DRAWS
            )
          )
      self._test_bits = np.concatenate(bits)
    return self._test_bits
