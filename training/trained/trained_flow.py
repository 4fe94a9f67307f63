"""A trained flow to use, from the folder of a run or from a SavedModel.

More than 300 lines: one class, of which half is documentation.
"""

import functools
import pathlib
import shlex
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

import tfp_cinc
from tfp_cinc import latents as latent_space

from ..data.compression import keep_bits
from ..data.condition import held_out_inputs
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

  A conditional flow needs the argument `condition` of each method: the inputs
  that `tfp_cinc.ConditionInput` describes, by name, as arrays of N elements.
  `condition_of` returns those of given images.

  Attributes:
    path: The folder of the run or of the SavedModel.
    name: Name of the data set that it was trained on.
    label_names: Names of the classes or attributes, or None.
    image_shape: (H, W, C).
    num_bits: Bits per channel.
    latent_levels: int32 [H*W*C], the level of each latent.
    condition: `Condition` of a conditional flow; None for other flows.
    noise: 'uniform' or 'variational': the dequantization noise of its bits/dim.
    noise_scale: Standard deviation of the Gaussian noise of its training
      images, which is removed from samples; 0 for other noise.
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
    self.condition, self._functions = source.condition, source.functions
    is_learned = 'learned_noise' in self._functions
    self.noise = 'variational' if is_learned else 'uniform'
    self.noise_scale = source.noise_scale
    self.num_made = self.not_finite = 0

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

  def condition_of(
    self, images: np.ndarray, labels: np.ndarray | None = None, first: int = 0
  ) -> dict[str, tf.Tensor] | None:
    """Returns the conditions of images of a data set.

    Args:
      images: uint8 [N, H, W, C], from which a low resolution or a mask follows.
      labels: int64 [N] classes or [N, A] attributes; None if there are none.
      first: Position of images[0] in its split. The masks of test images are
        those with which the run was evaluated.

    Returns:
      The argument `condition` of the other methods; None for a flow that is not
      conditional.

    Raises:
      UserError: If the condition does not follow from the images and labels.
    """
    if self.condition is None:
      return None
    kind = self.condition.input.kind
    if kind == 'values' and not self.condition.takes_labels:
      raise UserError(
        f'{self.path} is conditional on maps of shape '
        f'{list(self.condition.shape)}, which do not follow from an image; use '
        'the SavedModel or the Python flow directly.'
      )
    if self.condition.takes_labels and labels is None:
      raise UserError(
        f'{self.path} is conditional on the label of an image, which is not '
        'known here; name it by --condition.'
      )
    labels = self.condition.check_labels(labels)
    return held_out_inputs(self.condition, images, labels, first)

  def keep_bits(self, images: np.ndarray) -> np.ndarray:
    """Returns images as the flow reads them: only their upper bits.

    Args:
      images: uint8 [..., H, W, C].

    Returns:
      uint8 of the same shape; the lower 8 - `num_bits` bits are 0.
    """
    return keep_bits(images, self.num_bits)

  def encode(
    self, images: np.ndarray, condition: Mapping | None = None
  ) -> np.ndarray:
    """Returns the latents of the center of the bin of each pixel.

    Args:
      images: uint8 [N, H, W, C].
      condition: See the class.

    Returns:
      float32 [N, H*W*C].
    """
    self._check(images, np.uint8, self.image_shape)
    answers = self._answers('encode', {'images': images}, condition)
    return np.concatenate([answer['latents'].numpy() for answer in answers])

  def decode(
    self, latents: np.ndarray, condition: Mapping | None = None
  ) -> np.ndarray:
    """Returns the images of latents.

    Args:
      latents: float32 [N, H*W*C].
      condition: See the class.

    Returns:
      uint8 [N, H, W, C].
    """
    self._check(latents, np.float32, self.latent_levels.shape)
    answers = self._answers('decode', {'latents': latents}, condition)
    return np.concatenate([self._pixels(answer) for answer in answers])

  def sample(
    self,
    number: int,
    temperature: float = 1.0,
    seed: int = 0,
    first: int = 0,
    condition: Mapping | None = None,
    guidance: float = 0.0,
    denoise: bool | None = None,
  ) -> np.ndarray:
    """Draws images at a temperature.

    Args:
      number: Number of images.
      temperature: Factor of the latents; 1 is the distribution of the flow.
      seed: Seed of the latents. Another temperature with the same seed scales
        the same latents.
      first: Number of images drawn before, in batches of `batch_size`, if the
        images are drawn in several calls.
      condition: See the class, with `number` elements.
      guidance: See `tfp_cinc.sample_guided`. 0 draws samples of the flow.
      denoise: Whether to remove Gaussian noise, see `tfp_cinc.denoise`. None
        does it for a flow that was trained with such noise.

    Returns:
      uint8 [number, H, W, C].

    Raises:
      UserError: If the flow does not allow guidance or was not trained with
        Gaussian noise.
    """
    if denoise and not self.noise_scale:
      raise UserError(
        f'{self.path} has no noise to remove, because it was trained without '
        'Gaussian noise; train a flow with '
        '--config.train.dequantization=gaussian.'
      )
    self._check_condition(condition, number)
    name, given = 'sample', {}
    if guidance:
      name, given = 'sample_guided', {'guidance': tf.constant(float(guidance))}
      if name not in self._functions:
        raise UserError(self._no_guidance())
    batches = [np.zeros([0, *self.image_shape], np.uint8)]
    for start in range(0, number, self.batch_size):
      here = slice(start, min(start + self.batch_size, number))
      drawn = self._some(condition, here)
      if condition is None:
        drawn = {'number': tf.constant(here.stop - start)}
      answer = self._functions[name](
        temperature=tf.constant(temperature, tf.float32),
        seed=tf.constant([seed, first + start]),
        **drawn,
        **given,
      )
      if denoise is False and self.noise_scale:
        noisy = answer['noisy_values']
        images = tfp_cinc.quantize(noisy, self.num_bits)
        answer = {'images': images, 'values': noisy}
      batches.append(self._pixels(answer))
    return np.concatenate(batches)

  def _no_guidance(self):
    """Returns the sentence that says why guidance is not possible."""
    if self.condition is None:
      return f'{self.path} is not conditional, so that no guidance is possible.'
    if self.condition.input.optional:
      return (
        f'{self.path} allows no guidance, because its couplings have no shift '
        'and scale; train a flow with config.flow.coupling=affine or quad.'
      )
    return (
      f'{self.path} allows no guidance, because it was trained without label '
      'dropout; train a flow with config.train.label_dropout above 0.'
    )

  def bits_per_dim(
    self,
    images: np.ndarray,
    noise_draws: int = 1,
    seed: int = 0,
    first: int = 0,
    same_noise: bool = False,
    condition: Mapping | None = None,
  ) -> np.ndarray:
    """Returns the bits/dim of each image, averaged over noise draws.

    Args:
      images: uint8 [N, H, W, C].
      noise_draws: Number of draws of dequantization noise per image.
      seed: Seed of the noise.
      first: See `bits_per_dim_by_level`.
      same_noise: See `bits_per_dim_by_level`.
      condition: See the class.

    Returns:
      float64 [N].
    """
    return self.bits_per_dim_by_level(
      images, noise_draws, seed, first, same_noise, condition
    ).sum(axis=1)

  def bits_per_dim_by_level(
    self,
    images: np.ndarray,
    noise_draws: int = 1,
    seed: int = 0,
    first: int = 0,
    same_noise: bool = False,
    condition: Mapping | None = None,
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
      condition: See the class.

    Returns:
      float64 [N, L]; the sum over levels is the bits/dim. Level 0 includes the
      log-density of learned noise.
    """
    self._check(images, np.uint8, self.image_shape)
    self._check_condition(condition, len(images))
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
      given = self._some(condition, here)
      if self.noise == 'variational':
        moved = self._functions['learned_noise'](values=values, **given)
        values, log_q = moved['values'], moved['log_q'].numpy() / np.log(2.0)
        result[here, 0] += log_q / np.prod(self.image_shape)
      answer = self._functions['log_prob_values'](values=values, **given)
      result[here] += answer['bits_per_dim_by_level'].numpy()
    return result / noise_draws

  def interpolate(
    self,
    first: np.ndarray,
    second: np.ndarray,
    steps: int,
    method: str = 'linear',
    condition: Mapping | None = None,
  ) -> np.ndarray:
    """Interpolates between pairs of images, in latent space.

    Args:
      first: uint8 [N, H, W, C].
      second: uint8 [N, H, W, C].
      steps: Number of images, including both ends.
      method: 'linear' or 'spherical', see `tfp_cinc.latents`.
      condition: See the class; that of both images of each pair.

    Returns:
      uint8 [N, steps, H, W, C].
    """
    try:
      path = latent_space.interpolate_latents(
        self.encode(first, condition),
        self.encode(second, condition),
        steps,
        method,
      )
    except ValueError as error:
      raise UserError(str(error)) from None
    return self._decode_rows(path.numpy(), condition)

  def manipulate(
    self,
    images: np.ndarray,
    attribute: str,
    strengths,
    level: int | None = None,
    condition: Mapping | None = None,
  ) -> np.ndarray:
    """Moves the latents of images along the direction of an attribute.

    Args:
      images: uint8 [N, H, W, C].
      attribute: One of the names of `directions`.
      strengths: [S], factors of the direction; 0 keeps the image.
      level: The only level whose latents are moved; None moves all levels.
      condition: See the class.

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
    latents = self.encode(images, condition)[:, np.newaxis]
    return self._decode_rows(latents + moves, condition)

  def _decode_rows(self, latents, condition):
    """Returns uint8 [N, S, H, W, C] of latents [N, S, D]."""
    number, steps = latents.shape[:2]
    if condition is not None:
      condition = {k: np.repeat(v, steps, 0) for k, v in condition.items()}
    images = self.decode(latents.reshape([number * steps, -1]), condition)
    return images.reshape([number, steps, *self.image_shape])

  def _answers(self, function, arrays, condition):
    """Yields the answers of a function to batches of arrays [N, ...]."""
    [number] = {len(array) for array in arrays.values()}
    self._check_condition(condition, number)
    arrays = {**arrays, **(condition or {})}
    # At least once, so that an empty array has a result of the right shape.
    for start in range(0, max(1, number), self.batch_size):
      here = slice(start, start + self.batch_size)
      yield self._functions[function](**self._some(arrays, here))

  def _some(self, arrays, here):
    """Returns a part of arrays by name as tensors; none for None."""
    return {k: tf.constant(v[here]) for k, v in (arrays or {}).items()}

  def _pixels(self, answer):
    """Returns the images of an answer; counts those that are not finite."""
    values = answer['values'].numpy()
    finite = np.isfinite(values).all(axis=(1, 2, 3))
    self.num_made += len(finite)
    self.not_finite += int(np.sum(~finite))
    return answer['images'].numpy()

  def _check_condition(self, condition, number):
    """Raises `UserError` if conditions are not those of N images."""
    if (self.condition is None) != (condition is None):
      raise UserError(
        f'{self.path} takes no condition.'
        if self.condition is None
        else f'{self.path} is a conditional flow; it needs a condition.'
      )
    found = {name: len(value) for name, value in (condition or {}).items()}
    if any(length != number for length in found.values()):
      raise UserError(
        f'the condition has {found} elements for {number} images; it must have '
        'one for each image.'
      )

  def _check(self, array, dtype, shape):
    if array.dtype != dtype or array.shape[1:] != tuple(shape):
      raise UserError(
        f'the array is {array.dtype.name} {list(array.shape)}; this flow takes '
        f'{np.dtype(dtype).name} {["N", *shape]}.'
      )
