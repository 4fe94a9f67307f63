"""Export of a flow to a SavedModel."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.freezing import freeze
from tfp_cinc.internal.files import replace_folder
from tfp_cinc.latents import (
  AttributeDirections,
  latent_levels,
  weights_digest,
)
from tfp_cinc.precision import with_network_dtype
from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.export_checks import (
  check_condition,
  check_extras,
  check_flow,
  check_noise_scale,
)
from tfp_cinc.saved_model.model_card import (
  FORMAT,
  FORMAT_VERSION,
  write_model_card,
)
from tfp_cinc.saved_model.served_flow import describe, serve
from tfp_cinc.variational_dequantization import VariationalDequantization
from tfp_cinc.version import __version__

__all__ = ['export_saved_model']

tfd = tfp.distributions


def export_saved_model(
  flow: tfd.TransformedDistribution,
  path: str | os.PathLike,
  image_shape: Sequence[int],
  num_bits: int = 8,
  *,
  noise: VariationalDequantization | None = None,
  noise_scale: float = 0.0,
  condition: ConditionInput | None = None,
  directions: AttributeDirections | None = None,
  card: Mapping | None = None,
  extra_files: Mapping | None = None,
  precision: str = 'full',
) -> None:
  """Writes a flow as a SavedModel that needs only TensorFlow.

  The model has the following signatures. The batch size N can be any number,
  including 0.

  - `log_prob`: `images` uint8 [N, H, W, C] -> `log_prob` [N] of the continuous
    images, in nats; `bits_per_dim` [N]; and `bits_per_dim_by_level` [N, L],
    which sums to `bits_per_dim`. Pixels are dequantized with `fixed_noise`. If
    there is learned `noise`, it is computed from `fixed_noise`, and its
    log-density is subtracted from `log_prob` and from the contribution of level
    0.
  - `log_prob_values`: `values` [N, H, W, C], images that are already continuous
    -> the same outputs, for the flow without learned noise.
  - `learned_noise`, if there is `noise`: `values` [N, H, W, C], dequantized
    with uniform noise -> `values` with learned noise instead, and its
    log-density `log_q` [N] in nats. Subtract `log_q` from the `log_prob` that
    `log_prob_values` returns for these `values`. `log_q` is NaN for an image
    with a value that is not in [-0.5, 0.5].
  - `encode`: `images` uint8 [N, H, W, C] -> `latents` [N, D], D = H * W * C.
    Each pixel is dequantized to the middle of its bin.
  - `decode`: `latents` [N, D] -> `images` uint8 [N, H, W, C]; `values`, the
    same images before quantization; and `clipped` [N], the share of the values
    of each image that are not in [-0.5, 0.5] or not finite. It is 0 if the
    latents are those of an image, and about 1 if its pixels mean nothing.
  - `sample`: `number` int32 [], at least 0, `temperature` [], finite and at
    least 0, `seed` int32 [2] -> `images` and `values` [number, H, W, C] and
    `clipped` [number], decoded from samples of the base distribution multiplied
    by `temperature`.
  - `sample_guided`, for a flow with an optional `condition` and with couplings
    that `tfp_cinc.sample_guided` supports: `guidance` [], finite and at least
    0, and the inputs and outputs of `sample`.

    If there is a `noise_scale`, samples are denoised by `tfp_cinc.denoise`, and
    `sample` and `sample_guided` also return `noisy_values`, the samples before
    that.
  - `interpolate`: `first` and `second` uint8 [N, H, W, C], `steps` int32 [], at
    least 2, `method` string [], 'linear' or 'spherical' -> `images` uint8
    [N, steps, H, W, C] and `clipped` [N, steps], see
    `tfp_cinc.latents.interpolate_latents`.
  - `manipulate`, if there are `directions`: `images` uint8 [N, H, W, C],
    `attribute` string [], `strengths` [S], finite -> `images` uint8
    [N, S, H, W, C] and `clipped` [N, S].

  A conditional flow needs a description of its `condition`. Its inputs are then
  further inputs of each signature, such as `labels` int32 [N], and `sample` has
  no `number`, because it draws an image for each of the N conditions.

  Each signature with images also has a variant for image files, such as
  `log_prob_bytes`. Its name and the names of its image inputs and outputs end
  with `_bytes`. Each uint8 array is replaced by a string array without the
  dimensions [H, W, C], whose elements are the bytes of PNG files. Inputs can
  also be JPEG files. The outputs `values` and `noisy_values` are omitted.

  Load a signature with `tf.saved_model.load(path).signatures[name]`; this needs
  neither tfp_cinc nor TFP or tf_keras. Matrices that depend only on the weights
  are computed once, during the export. An invalid image or name raises
  `tf.errors.InvalidArgumentError`, whose message says what is valid.

  The folder also contains `model_card.json`, a description of the model with
  the checksums of all other files, and the folder `assets.extra` with
  `latents.npz` (`levels` int32 [D], the level of each latent), `directions.npz`
  and `extra_files`. Everything is written to a temporary folder next to `path`,
  which then takes its place in one step. The next export to the same path
  removes what a killed one left.

  Args:
    flow: Initialized flow over images [H, W, C].
    path: Folder to write. An existing SavedModel is replaced.
    image_shape: Shape [H, W, C] of an image.
    num_bits: Bits per channel, 1 to 8, with which the flow was trained.
    noise: Learned dequantization noise with which the flow was trained. None
      dequantizes images with uniform noise, which gives lower densities.
    noise_scale: Standard deviation of the Gaussian noise that the training
      images had, see `tfp_cinc.denoise`; 0 for a flow without such noise.
    condition: Condition that a conditional flow takes. None for other flows,
      such as `tfp_cinc.given(flow, condition)` for a single condition.
    directions: Directions of attributes in the latents of this flow.
    card: Additional entries of the model card, such as the name and the license
      of the data. Values must be valid in JSON.
    extra_files: Mapping from names in `assets.extra` to contents, as paths of
      files or as bytes.
    precision: Precision of the networks, 'full' or 'bfloat16'. With 'full' they
      compute in the dtype of the flow, and decode(encode(images)) returns
      `images`. 'bfloat16' is faster for large batches if the processor
      multiplies it natively, but round trips are off by about one pixel value.

  Raises:
    ValueError: If the flow is not initialized, has another shape or does not
      take the `condition`, if `directions` belong to other weights, if `path`
      exists and is not a SavedModel, or if another argument is not as described
      above.
    OSError: If the disk is full or writing fails. An existing SavedModel is
      then unchanged.
  """
  path = os.path.abspath(os.fspath(path))
  image_shape = [int(size) for size in image_shape]
  card, extra_files = dict(card or {}), dict(extra_files or {})
  check_flow(flow, image_shape, directions, precision)
  check_condition(flow, condition)
  check_noise_scale(noise_scale)
  own = {
    'format': FORMAT,
    'format_version': FORMAT_VERSION,
    'tfp_cinc_version': __version__,
    'image_shape': image_shape,
    'num_bits': int(num_bits),
    'precision': precision,
    'noise': 'uniform' if noise is None else 'learned',
    'noise_scale': float(noise_scale),
    'condition': None if condition is None else condition.to_json(),
    'attributes': [] if directions is None else list(directions.names),
    'weights': weights_digest(flow),
  }
  check_extras(own, card, extra_files)
  if os.path.exists(path) and not _is_replaceable(path):
    raise ValueError(
      f'{path} exists and is not a SavedModel; it will not be overwritten.'
    )
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with replace_folder(path) as folder:
    network_dtype = None if precision == 'full' else precision
    frozen = freeze(with_network_dtype(flow, network_dtype))
    if noise is not None:
      noise = with_network_dtype(noise, network_dtype)
    module, signatures = serve(
      frozen, num_bits, directions, noise, condition, noise_scale
    )
    _save(module, folder, {name: s.function for name, s in signatures.items()})
    own['signatures'] = {name: describe(s) for name, s in signatures.items()}
    _write_extras(folder, flow, directions, extra_files)
    write_model_card(folder, {**own, **card})


def _save(module, folder, functions):
  """Writes the SavedModel without the files next to it."""
  # A SavedModel cannot store the gradient of a gradient.
  options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
  try:
    tf.saved_model.save(module, str(folder), functions, options)
  except tf.errors.OpError as error:
    # TensorFlow's message has the path of the temporary file before the reason.
    message = re.sub(r'\s*\[Op:.*', '', str(error.message).splitlines()[0])
    raise OSError(message.rpartition('; ')[2]) from error


def _write_extras(folder, flow, directions, extra_files):
  """Writes the folder `assets.extra`."""
  extra = folder / 'assets.extra'
  extra.mkdir()
  np.savez(extra / 'latents.npz', levels=latent_levels(flow))
  if directions is not None:
    directions.save(extra / 'directions.npz')
  for name, content in extra_files.items():
    if isinstance(content, bytes):
      (extra / name).write_bytes(content)
    else:
      shutil.copyfile(content, extra / name)


def _is_replaceable(path):
  return os.path.isdir(path) and (
    not os.listdir(path) or os.path.exists(os.path.join(path, 'saved_model.pb'))
  )
