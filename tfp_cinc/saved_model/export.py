"""Writes a flow as a SavedModel."""

import json
import math
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import is_conditional
from tfp_cinc.freezing import frozen_weights
from tfp_cinc.initialization import is_initialized
from tfp_cinc.internal import switches
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.latents import AttributeDirections, latent_levels
from tfp_cinc.networks import ImageNetwork
from tfp_cinc.saved_model.served_flow import describe, serve
from tfp_cinc.variational_dequantization import VariationalDequantization
from tfp_cinc.version import __version__

__all__ = ['export_saved_model']

tfd = tfp.distributions

PRECISIONS = ('full', 'bfloat16')
_OWN_FILES = ('latents.npz', 'directions.npz')


def export_saved_model(
  flow: tfd.TransformedDistribution,
  path: str | os.PathLike,
  image_shape,
  num_bits: int = 8,
  *,
  noise: VariationalDequantization | None = None,
  directions: AttributeDirections | None = None,
  card: Mapping | None = None,
  extra_files: Mapping | None = None,
  precision: str = 'full',
) -> None:
  """Writes a flow as a SavedModel that needs TensorFlow alone.

  Its signatures, each for a batch of any size N, 0 too:

  - `log_prob`: `images` uint8 [N, H, W, C] -> `log_prob` [N], in nats of the
    continuous image, `bits_per_dim` [N], and `bits_per_dim_by_level` [N, L],
    whose sum over the levels it is, with `fixed_noise`; where there is learned
    `noise`, with that made of it, whose log-density is subtracted from
    `log_prob` and from the part of level 0.
  - `log_prob_values`: `values` [N, H, W, C], images that are continuous already
    -> the same, of the flow alone.
  - `learned_noise`, where there is `noise`: `values` [N, H, W, C], continuous
    by uniform noise -> `values`, with the learned noise in its place, and
    `log_q` [N], its log-density in nats: of `log_prob_values` of these subtract
    it.
  - `encode`: `images` uint8 [N, H, W, C] -> `latents` [N, D], D = H*W*C, of the
    middle of each pixel's bin.
  - `decode`: `latents` [N, D] -> `images` uint8 [N, H, W, C] and `values`, the
    same before they are quantized, in [-0.5, 0.5] where they belong to an
    image.
  - `sample`: `number` int32 [], `temperature` [], `seed` int32 [2] -> `images`
    and `values` [number, H, W, C], from latents of the base distribution times
    `temperature`.
  - `interpolate`: `first` and `second` uint8 [N, H, W, C], `steps` int32 [],
    `method` string [], 'linear' or 'spherical' -> `images` uint8 [N, steps, H,
    W, C], see `tfp_cinc.latents.interpolate_latents`.
  - `manipulate`, where there are `directions`: `images` uint8 [N, H, W, C],
    `attribute` string [], `strengths` [S] -> `images` uint8 [N, S, H, W, C].

  Those with images have a variant of files, as `log_prob_bytes`: in it each
  uint8 array is a string array of the bytes of PNG files (inputs: or JPEG) of
  its leading dimensions, with `_bytes` behind its name, and `values` are left
  out.

  It is loaded by `tf.saved_model.load(path).signatures[name]`, where neither
  tfp_cinc nor TFP nor tf_keras needs to be installed. The matrices that follow
  from the weights are computed here, once. An image or a name that a signature
  does not take is a `tf.errors.InvalidArgumentError` that says what it takes.

  Beside it are `model_card.json`, which tells what it is, and the folder
  `assets.extra`, with `latents.npz` (`levels` int32 [D], the level of each
  latent), `directions.npz` and `extra_files`. All is written to a temporary
  folder beside `path` and renamed.

  Args:
    flow: an initialized flow over images [H, W, C].
    path: the folder to write. A SavedModel that is there is replaced.
    image_shape: [H, W, C].
    num_bits: the bits of a pixel that the flow was trained on.
    noise: that the flow was trained with, where it was learned: without it the
      densities of images are by uniform noise, lower ones.
    directions: of attributes in the latents of this flow.
    card: what to tell in the model card beside what the flow itself tells: the
      name and licence of the data, say. Values as JSON takes them.
    extra_files: name -> path of a file or its bytes, for `assets.extra`.
    precision: 'full', in which networks compute in the flow's own dtype, so
      that decode(encode(images)) gives back `images`; or 'bfloat16', faster
      for large batches where the processor multiplies it natively, in which
      they are off by about a pixel value.

  Raises:
    ValueError: if the flow is not initialized, is over another shape or is
      conditional, if `path` is something else than a SavedModel, or if another
      argument is not as above.
  """
  path = os.path.abspath(os.fspath(path))
  image_shape = [int(size) for size in image_shape]
  card, extra_files = dict(card or {}), dict(extra_files or {})
  _check_flow(flow, image_shape, directions, precision)
  own = {
    'format': 'tfp_cinc',
    'format_version': 1,
    'tfp_cinc_version': __version__,
    'image_shape': image_shape,
    'num_bits': num_bits,
    'precision': precision,
    'noise': 'uniform' if noise is None else 'learned',
    'attributes': [] if directions is None else list(directions.names),
  }
  _check_extras(own, card, extra_files)
  if os.path.exists(path) and not _is_replaceable(path):
    raise ValueError(f'{path} exists and is no SavedModel; it is left alone.')
  os.makedirs(os.path.dirname(path), exist_ok=True)
  temporary = tempfile.mkdtemp(
    prefix=f'.{os.path.basename(path)}-', dir=os.path.dirname(path)
  )
  try:
    os.chmod(temporary, 0o755)
    written = pathlib.Path(temporary, 'new')
    with _precision(precision), frozen_weights(flow):
      module, signatures = serve(flow, num_bits, directions, noise)
      functions = {name: s.function for name, s in signatures.items()}
      tf.saved_model.save(module, str(written), signatures=functions)
    own['signatures'] = {name: describe(s) for name, s in signatures.items()}
    _write_extras(written, {**own, **card}, flow, directions, extra_files)
    _replace(written, path, os.path.join(temporary, 'old'))
  finally:
    shutil.rmtree(temporary, ignore_errors=True)


def _check_flow(flow, image_shape, directions, precision):
  """Raises where a flow cannot be exported in this way."""
  check_choice('precision', precision, PRECISIONS)
  event_shape = flow.event_shape.as_list()
  if event_shape != image_shape:
    raise ValueError(
      f'`image_shape` is {image_shape}; the flow is over {event_shape}.'
    )
  if len(image_shape) != 3:
    raise ValueError(
      f'`image_shape` is {image_shape}; a flow over images [H, W, C] can be '
      'exported.'
    )
  if not is_initialized(flow):
    raise ValueError(
      'the flow is not initialized: train it, or call '
      '`tfp_cinc.initialize_from_data(flow, images)` first.'
    )
  if is_conditional(flow):
    raise ValueError(
      f'{flow.name} is conditional; its signatures would lack the condition, '
      'so that it cannot be exported.'
    )
  if directions is not None:
    if directions.layer is not None:
      raise ValueError(
        f'`directions` are of the activations of {directions.layer}; those of '
        'the latents can be exported.'
      )
    found, size = directions.directions.shape[1], math.prod(image_shape)
    if found != size:
      raise ValueError(
        f'`directions` are of {found} numbers; the latents of this flow have '
        f'{size}.'
      )
  if precision == 'bfloat16' and (
    flow.dtype != tf.float32
    or not any(isinstance(m, ImageNetwork) for m in flow.submodules)
  ):
    raise ValueError(
      "`precision` is 'bfloat16', which is for the coupling networks of a flow "
      f'in float32; {flow.name} is in {flow.dtype.name} or has none.'
    )


def _check_extras(own, card, extra_files):
  """Raises where the card or the files cannot be as they are asked for."""
  for key in card:
    if key in (*own, 'signatures'):
      raise ValueError(f'`card` has {key!r}, which the flow itself tells.')
  json.dumps(card, allow_nan=False)
  for name, content in extra_files.items():
    if name in _OWN_FILES or pathlib.PurePath(name).name != name:
      raise ValueError(
        f'`extra_files` has the name {name!r}; it must be that of a file other '
        f'than {" and ".join(_OWN_FILES)}, without a folder.'
      )
    if not isinstance(content, bytes) and not os.path.isfile(content):
      raise ValueError(
        f'`extra_files` names {os.fspath(content)}, which is no file.'
      )


def _precision(precision):
  """A context in which networks compute so."""
  switch = {
    'full': switches.full_precision,
    'bfloat16': switches.bfloat16_networks,
  }[precision]
  return switch.on()


def _write_extras(folder, card, flow, directions, extra_files):
  """The model card and what goes to `assets.extra`."""
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
  text = json.dumps(card, indent=2, sort_keys=True)
  (folder / 'model_card.json').write_text(text + '\n')


def _replace(written, path, old):
  """Renames `written` to `path`, whose folder goes to `old`."""
  if os.path.exists(path):
    os.rename(path, old)
  try:
    os.rename(written, path)
  except BaseException:
    if os.path.exists(old):
      os.rename(old, path)
    raise


def _is_replaceable(path):
  return os.path.isdir(path) and (
    not os.listdir(path) or os.path.exists(os.path.join(path, 'saved_model.pb'))
  )
