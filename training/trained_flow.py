"""A trained flow to use, from a run's folder or from a SavedModel."""

import functools
import pathlib

import numpy as np
import tensorflow as tf

import tfp_cinc
from tfp_cinc import latents as latent_space
from training import datasets, flow_sources, workdir
from training.errors import UserError
from training.flow_sources import FlowSource

__all__ = ['TrainedFlow', 'open_flow']


class TrainedFlow:
  """A flow and what belongs to it, with arrays of NumPy in and out.

  Wherever it comes from, it is used by the same four functions, see
  `flow_sources`. Any number of images goes through them in batches.

  Attributes:
    path: where it comes from.
    name: of the data that it was trained on.
    image_shape: (H, W, C).
    num_bits: of a pixel.
    latent_levels: int32 [H*W*C], the level of each number of a latent.
    directions: `tfp_cinc.latents.AttributeDirections`, or None.
    noise: 'uniform' or 'variational', the dequantization noise that its
      bits/dim are of: the second is learned.
    batch_size: how many images go through the flow at once.
    folder: where what is made of it goes: a run's own folder, else this one.
    not_finite: how many of all images that it has made have values that are not
      finite: those pixels mean nothing.
  """

  def __init__(self, path, source: FlowSource):
    """Takes what a source has."""
    self.path, self._source = pathlib.Path(path), source
    self.name, self.num_bits = source.name, source.num_bits
    self.image_shape = source.image_shape
    self.latent_levels = source.latent_levels
    self.directions = source.directions
    config = source.config
    self.batch_size = 64 if config is None else int(config.eval.batch_size)
    self.folder = self.path if source.run else pathlib.Path()
    self.noise = 'uniform' if source.move is None else 'variational'
    self.not_finite = 0
    self._functions = source.functions

  @functools.cached_property
  def dataset(self) -> datasets.Dataset | None:
    """The data that it was trained on.

    None where no configuration tells what they are.

    Raises:
      UserError: if they are not where the configuration says.
    """
    if self._source.run is not None:
      return self._source.run.dataset
    config = self._source.config
    return None if config is None else datasets.load(config.data)

  @property
  def test_images(self) -> np.ndarray | None:
    """uint8 [N, H, W, C]; None where the data are not here."""
    return None if self._found is None else self._found.test_images

  @property
  def test_labels(self) -> np.ndarray | None:
    """[N] classes or [N, A] attributes; None where there are none."""
    return None if self._found is None else self._found.test_labels

  @property
  def _found(self):
    try:
      return self.dataset
    except UserError:
      return None

  def encode(self, images: np.ndarray) -> np.ndarray:
    """The latents of the middle of each pixel's bin.

    Args:
      images: uint8 [N, H, W, C].

    Returns:
      float32 [N, H*W*C].
    """
    self._check(images, np.uint8, self.image_shape)
    answers = self._answers('encode', 'images', images)
    return np.concatenate([answer['latents'].numpy() for answer in answers])

  def decode(self, latents: np.ndarray) -> np.ndarray:
    """The images of some latents.

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
    """Images from latents at a temperature.

    Args:
      number: how many.
      temperature: a factor of the latents; 1 is the flow's own distribution.
      seed: of the latents: the same for another temperature gives the same
        ones, scaled.
      first: how many were drawn before, in batches of `batch_size`: the next
        ones are drawn.

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
    """Bits/dim of each image, the mean over draws of dequantization noise.

    Args:
      images: uint8 [N, H, W, C].
      noise_draws: how many.
      seed: of the noise.
      same_noise: see `bits_per_dim_by_level`.

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
    """What each level adds to the bits/dim of each image.

    Args:
      images: uint8 [N, H, W, C].
      noise_draws: how many draws of dequantization noise.
      seed: of the noise.
      first: the place of images[0] among images that come in several calls, of
        batches of `batch_size`: each call has other noise.
      same_noise: whether all images get the same draws, so that what an image
        gets does not depend on the others.

    Returns:
      float64 [N, L]. Level 0 has the cost of learned noise too, its
      log-density.
    """
    self._check(images, np.uint8, self.image_shape)
    levels = int(self.latent_levels.max()) + 1
    result = np.zeros([len(images), levels])
    for draw in range(noise_draws):
      for start in range(0, len(images), self.batch_size):
        here = slice(start, start + self.batch_size)
        noise = {'seed': tf.constant([seed + draw, first + start])}
        if same_noise:
          noise = {'noise': self._noise(seed + draw)}
        values = tfp_cinc.dequantize(images[here], self.num_bits, **noise)
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
    """Images between each of the first and each of the second.

    Args:
      first: uint8 [N, H, W, C].
      second: as many.
      steps: how many images, the two ends among them.
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
    """Images whose latents are moved along an attribute's direction.

    Args:
      images: uint8 [N, H, W, C].
      attribute: one of the names of `directions`.
      strengths: [S]: how far, 0 for the image as it is.
      level: the only level whose latents are moved; None for all.

    Returns:
      uint8 [N, S, H, W, C].

    Raises:
      UserError: if there are no directions, no such attribute or no such level.
    """
    if self.directions is None:
      raise UserError(
        f'{self.path} has no attribute directions; learn them from labelled '
        f'images by `python -m training attributes {self.path}`.'
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

  def _noise(self, seed):
    return tf.random.stateless_uniform(self.image_shape, [seed, 0])

  def _decode_rows(self, latents):
    """uint8 [N, S, H, W, C] from latents [N, S, D]."""
    images = self.decode(latents.reshape([-1, latents.shape[-1]]))
    return images.reshape([*latents.shape[:2], *self.image_shape])

  def _answers(self, function, name, array):
    """What a function says of an array [N, ...], batch by batch."""
    # At least once: of no images there is a result of the right shape.
    for start in range(0, max(1, len(array)), self.batch_size):
      batch = tf.constant(array[start : start + self.batch_size])
      yield self._functions[function](**{name: batch})

  def _pixels(self, answer):
    """The images of an answer; those that are not finite are counted."""
    values = answer['values'].numpy()
    finite = np.isfinite(values).all(axis=(1, 2, 3))
    self.not_finite += int(np.sum(~finite))
    return answer['images'].numpy()

  def _check(self, array, dtype, shape):
    if array.dtype != dtype or array.shape[1:] != tuple(shape):
      raise UserError(
        f'{array.dtype.name} {list(array.shape)} was given where this flow '
        f'takes {np.dtype(dtype).name} {["N", *shape]}.'
      )


def open_flow(path) -> TrainedFlow:
  """The trained flow in the folder of a run or of a SavedModel.

  Of a run, the newest whole checkpoint is taken, by its averaged weights; it
  may be training meanwhile, for nothing is written.

  Args:
    path: the folder.

  Returns:
    `TrainedFlow`.

  Raises:
    UserError: if there is none, or no checkpoint yet, or it is not of ours.
  """
  path = pathlib.Path(path)
  workdir.check_flow(path)
  is_model = (path / 'saved_model.pb').exists()
  read = flow_sources.from_saved_model if is_model else flow_sources.from_run
  return TrainedFlow(path, read(path))
