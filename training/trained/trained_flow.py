"""A trained flow to use, from the folder of a run or from a SavedModel.

More than 300 lines: one class, of which half is documentation.
"""

import functools
import pathlib
import shlex

import numpy as np
import tensorflow as tf

from tfp_cinc import latents as latent_space

from ..data.dataset import Dataset
from ..data.load import load_dataset
from ..data.noise import noisy_batches
from ..errors import UserError
from .flow_source import FlowSource

__all__ = ['TrainedFlow']


class TrainedFlow:
  """A trained flow, with NumPy arrays as arguments and results.

  Arrays of any length are processed in batches. The data set that the flow was
  trained on is only needed for `dataset`, `test_images` and `test_labels`.

  Attributes:
    path: The folder of the run or of the SavedModel.
    name: Name of the data set that it was trained on.
    label_names: Names of the classes or attributes, or None.
    image_shape: (H, W, C).
    num_bits: Bits per channel.
    latent_levels: int32 [H*W*C], the level of each latent.
    noise: 'uniform' or 'variational': the dequantization noise of its bits/dim.
    batch_size: Number of images that go through the flow together.
    folder: Folder for files that are made from the flow: that of the run, or
      the current folder.
    weights: `tfp_cinc.latents.weights_digest` of the flow, or None if not
      known.
    num_made: Number of images decoded or sampled so far.
    not_finite: Number of these that have values that are not finite. The pixels
      of these values mean nothing.
  """

  def __init__(self, path, source: FlowSource):
    """Captures the functions of a source."""
    self.path, self._source = pathlib.Path(path), source
    self.name, self.num_bits = source.data.name, source.num_bits
    self.label_names = source.data.label_names
    self.image_shape = source.data.image_shape
    self.latent_levels = source.latent_levels
    config = source.config
    self.batch_size = 64 if config is None else int(config.eval.batch_size)
    self.folder, self.weights = source.folder, source.weights
    self.noise = 'uniform' if source.move is None else 'variational'
    self.num_made = self.not_finite = 0
    self._functions = source.functions

  @functools.cached_property
  def directions(self) -> latent_space.AttributeDirections | None:
    """The attribute directions, or None; may be set.

    Raises:
      UserError: If their file is damaged.
    """
    return self._source.read_directions()

  @functools.cached_property
  def dataset(self) -> Dataset | None:
    """The data set that it was trained on; None if not known.

    Raises:
      UserError: If the data are not where the configuration says.
    """
    config = self._source.config
    if config is None:
      return None
    try:
      return load_dataset(config.data)
    except UserError as error:
      raise UserError(
        f'the data that {self.path} was trained on are not available: {error}'
      ) from None

  @property
  def test_images(self) -> np.ndarray | None:
    """uint8 [N, H, W, C]; None if the data are not available."""
    return None if self._available is None else self._available.test_images

  @property
  def test_labels(self) -> np.ndarray | None:
    """[N] classes or [N, A] attributes; None if there are none."""
    return None if self._available is None else self._available.test_labels

  @property
  def _available(self):
    try:
      return self.dataset
    except UserError:
      return None

  def encode(self, images: np.ndarray) -> np.ndarray:
    """Returns the latents of the center of the bin of each pixel.

    Args:
      images: uint8 [N, H, W, C].

    Returns:
      float32 [N, H*W*C].
    """
    self._check(images, np.uint8, self.image_shape)
    answers = self._answers('encode', 'images', images)
    return np.concatenate([answer['latents'].numpy() for answer in answers])

  def decode(self, latents: np.ndarray) -> np.ndarray:
    """Returns the images of latents.

    Args:
      latents: float32 [N, H*W*C].

    Returns:
      uint8 [N, H, W, C].
    """
    self._check(latents, np.float32, self.latent_levels.shape)
    answers = self._answers('decode', 'latents', latents)
    return np.concatenate([self._pixels(answer) for answer in answers])

  def sample(
    self,
    number: int,
    temperature: float = 1.0,
    seed: int = 0,
    first: int = 0,
  ) -> np.ndarray:
    """Draws images at a temperature.

    Args:
      number: Number of images.
      temperature: Factor of the latents; 1 is the distribution of the flow.
      seed: Seed of the latents. Another temperature with the same seed scales
        the same latents.
      first: Number of images drawn before, in batches of `batch_size`, if the
        images are drawn in several calls.

    Returns:
      uint8 [number, H, W, C].
    """
    batches = [np.zeros([0, *self.image_shape], np.uint8)]
    for start in range(0, number, self.batch_size):
      answer = self._functions['sample'](
        number=tf.constant(min(self.batch_size, number - start)),
        temperature=tf.constant(temperature, tf.float32),
        seed=tf.constant([seed, first + start]),
      )
      batches.append(self._pixels(answer))
    return np.concatenate(batches)

  def bits_per_dim(
    self,
    images: np.ndarray,
    noise_draws: int = 1,
    seed: int = 0,
    same_noise: bool = False,
  ) -> np.ndarray:
    """Returns the bits/dim of each image, averaged over noise draws.

    Args:
      images: uint8 [N, H, W, C].
      noise_draws: Number of draws of dequantization noise per image.
      seed: Seed of the noise.
      same_noise: See `bits_per_dim_by_level`.

    Returns:
      float64 [N].
    """
    return self.bits_per_dim_by_level(
      images, noise_draws, seed, same_noise=same_noise
    ).sum(axis=1)

  def bits_per_dim_by_level(
    self,
    images: np.ndarray,
    noise_draws: int = 1,
    seed: int = 0,
    first: int = 0,
    same_noise: bool = False,
  ) -> np.ndarray:
    """Returns the contribution of each level to the bits/dim of each image.

    Args:
      images: uint8 [N, H, W, C].
      noise_draws: Number of draws of dequantization noise per image.
      seed: Seed of the noise.
      first: Position of images[0], if the images come in several calls, in
        batches of `batch_size`. Each position has its own noise.
      same_noise: Whether all images get the same draws, so that the result for
        an image does not depend on the other images.

    Returns:
      float64 [N, L]; the sum over levels is the bits/dim. Level 0 includes the
      log-density of learned noise.
    """
    self._check(images, np.uint8, self.image_shape)
    levels = int(self.latent_levels.max()) + 1
    result = np.zeros([len(images), levels])
    for here, values in noisy_batches(
      images,
      num_bits=self.num_bits,
      draws=noise_draws,
      batch_size=self.batch_size,
      seed=seed,
      first=first,
      same_noise=same_noise,
    ):
      if self._source.move is not None:
        values, log_q = self._source.move(values)
        log_q = log_q.numpy() / np.log(2.0)
        result[here, 0] += log_q / np.prod(self.image_shape)
      answer = self._functions['log_prob_values'](values=values)
      result[here] += answer['bits_per_dim_by_level'].numpy()
    return result / noise_draws

  def interpolate(
    self,
    first: np.ndarray,
    second: np.ndarray,
    steps: int,
    method: str = 'linear',
  ) -> np.ndarray:
    """Interpolates between pairs of images, in latent space.

    Args:
      first: uint8 [N, H, W, C].
      second: uint8 [N, H, W, C].
      steps: Number of images, including both ends.
      method: 'linear' or 'spherical', see `tfp_cinc.latents`.

    Returns:
      uint8 [N, steps, H, W, C].
    """
    try:
      path = latent_space.interpolate_latents(
        self.encode(first), self.encode(second), steps, method
      )
    except ValueError as error:
      raise UserError(str(error)) from None
    return self._decode_rows(path.numpy())

  def manipulate(
    self,
    images: np.ndarray,
    attribute: str,
    strengths,
    level: int | None = None,
  ) -> np.ndarray:
    """Moves the latents of images along the direction of an attribute.

    Args:
      images: uint8 [N, H, W, C].
      attribute: One of the names of `directions`.
      strengths: [S], factors of the direction; 0 keeps the image.
      level: The only level whose latents are moved; None moves all levels.

    Returns:
      uint8 [N, S, H, W, C].

    Raises:
      UserError: If there are no directions, no such attribute or no such level.
    """
    if self.directions is None:
      raise UserError(
        f'{self.path} has no attribute directions; learn them from labeled '
        f'images by `tfp-cinc attributes {shlex.quote(str(self.path))}`.'
      )
    try:
      direction = np.asarray(self.directions.direction(attribute))
    except (KeyError, ValueError) as error:
      raise UserError(str(error.args[0])) from None
    if level is not None:
      last = int(self.latent_levels.max())
      if not 0 <= level <= last:
        raise UserError(f'level {level} is not one of 0 to {last}.')
      direction = np.where(self.latent_levels == level, direction, 0)
    moves = np.multiply.outer(np.asarray(strengths, np.float32), direction)
    return self._decode_rows(self.encode(images)[:, np.newaxis] + moves)

  def _decode_rows(self, latents):
    """Returns uint8 [N, S, H, W, C] of latents [N, S, D]."""
    images = self.decode(latents.reshape([-1, latents.shape[-1]]))
    return images.reshape([*latents.shape[:2], *self.image_shape])

  def _answers(self, function, name, array):
    """Yields the answers of a function to batches of an array [N, ...]."""
    # At least once, so that an empty array has a result of the right shape.
    for start in range(0, max(1, len(array)), self.batch_size):
      batch = tf.constant(array[start : start + self.batch_size])
      yield self._functions[function](**{name: batch})

  def _pixels(self, answer):
    """Returns the images of an answer; counts those that are not finite."""
    values = answer['values'].numpy()
    finite = np.isfinite(values).all(axis=(1, 2, 3))
    self.num_made += len(finite)
    self.not_finite += int(np.sum(~finite))
    return answer['images'].numpy()

  def _check(self, array, dtype, shape):
    if array.dtype != dtype or array.shape[1:] != tuple(shape):
      raise UserError(
        f'the array is {array.dtype.name} {list(array.shape)}; this flow takes '
        f'{np.dtype(dtype).name} {["N", *shape]}.'
      )
