"""Where a trained flow comes from: a run, or a SavedModel.

Both give the same four functions, with the names, arguments and results of the
signatures of `tfp_cinc.export_saved_model`: encode, decode, sample and
log_prob_values.
"""

import dataclasses
import functools
import json
import pathlib
import sys
import zipfile
from collections.abc import Callable, Mapping

import ml_collections
import numpy as np
import tensorflow as tf

from tfp_cinc import latents as latent_space
from tfp_cinc.saved_model.signatures import flow_signatures
from training import workdir
from training.errors import UserError
from training.flow_with_noise import full_precision
from training.found import find
from training.run import Run, load_run

__all__ = [
  'FlowSource',
  'from_run',
  'from_saved_model',
  'read_directions',
  'run_directions',
]

_FORMAT, _VERSION = 'tfp_cinc', 1
_SIGNATURES = ('encode', 'decode', 'sample', 'log_prob_values')
_NOISE = 'learned_noise'  # of models whose noise is learned


@dataclasses.dataclass(frozen=True)
class FlowSource:
  """The functions of a flow and what belongs to it.

  Attributes:
    functions: by name, of named tensors; each returns a dict of tensors.
    name: of the data that it was trained on.
    image_shape: (H, W, C).
    num_bits: of a pixel.
    latent_levels: int32 [H*W*C].
    directions: `AttributeDirections`, or None.
    config: the run's configuration, or None where it is not known.
    move: a function of images that uniform noise made continuous, float32 [N,
      H, W, C], that returns them with learned noise in its place and the
      noise's log-density [N], see `FlowWithNoise`; None where the noise is
      uniform.
    run: the `Run`, or None where it comes from a SavedModel.
  """

  functions: Mapping[str, Callable[..., dict[str, tf.Tensor]]]
  name: str
  image_shape: tuple[int, int, int]
  num_bits: int
  latent_levels: np.ndarray
  directions: latent_space.AttributeDirections | None
  config: ml_collections.ConfigDict | None
  move: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] | None = None
  run: Run | None = None


def from_run(path: pathlib.Path) -> FlowSource:
  """The flow of a run, by the averaged weights of its newest checkpoint.

  Args:
    path: the run's folder.

  Returns:
    `FlowSource`.

  Raises:
    UserError: if there is no whole checkpoint, or something does not fit.
  """
  run = load_run(path, say=_say)
  run.average.apply()
  flow, num_bits = run.flow, run.config.data.num_bits
  return FlowSource(
    functions=_flow_functions(flow, num_bits),
    name=run.dataset.name,
    image_shape=tuple(run.dataset.image_shape),
    num_bits=num_bits,
    latent_levels=latent_space.latent_levels(flow),
    directions=run_directions(run, _say),
    config=run.config,
    move=None if run.density is flow else _compiled_move(run.density),
    run=run,
  )


def from_saved_model(path: pathlib.Path) -> FlowSource:
  """The flow of a SavedModel that `tfp_cinc.export_saved_model` wrote.

  Args:
    path: its folder.

  Returns:
    `FlowSource`.

  Raises:
    UserError: if it is of another project or version, or damaged.
  """
  card = _read_card(path)
  try:
    model = tf.saved_model.load(str(path))
  except Exception as error:  # TensorFlow raises all kinds of them
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise UserError(
      f'{path} cannot be loaded as a SavedModel: {reason}'
    ) from None
  lacking = [name for name in _SIGNATURES if name not in model.signatures]
  if lacking:
    raise UserError(
      f'{path} lacks the signature {lacking[0]!r}, so that it cannot be used '
      'here; export it anew by `python -m training export WORKDIR`.'
    )
  [latents] = model.signatures['decode'].structured_input_signature[1].values()
  if latents.dtype != tf.float32:
    raise UserError(
      f'{path} is of a flow in {latents.dtype.name}; these commands take flows '
      'in float32.'
    )
  extra = path / 'assets.extra'
  try:
    with np.load(extra / 'latents.npz') as content:
      levels = content['levels']
  except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
    raise UserError(
      f'{extra / "latents.npz"}, a part of the SavedModel, cannot be read: '
      f'{error}'
    ) from None
  config = None
  if (extra / 'config.json').exists():
    config = workdir.read_config(extra)
  image_shape = tuple(map(int, card['image_shape']))
  directions = extra / 'directions.npz'
  return FlowSource(
    functions=_Signatures(model),
    name=str(card.get('data') or 'data that are not named'),
    image_shape=image_shape,
    num_bits=int(card['num_bits']),
    latent_levels=np.asarray(levels, np.int32),
    directions=read_directions(directions, image_shape)
    if directions.exists()
    else None,
    config=config,
    move=_exported_move(model) if _NOISE in model.signatures else None,
  )


def _flow_functions(flow, num_bits):
  """What an exported model computes, of a flow in memory."""
  table = flow_signatures(
    full_precision(flow), num_bits, attributes=[], directions=None
  )
  return {name: _traced_at_use(table[name]) for name in _SIGNATURES}


def _compiled_move(density):
  """`FlowWithNoise.move` in full precision."""
  exact = full_precision(density)
  spec = tf.TensorSpec([None, *density.event_shape], density.dtype)

  @tf.function(input_signature=[spec], autograph=False)
  def move(values):
    return exact.move(values)

  return move


def _exported_move(model):
  """The same of a SavedModel."""

  def move(values):
    answer = model.signatures[_NOISE](values=values)
    return answer['values'], answer['log_q']

  return move


def _traced_at_use(signature):
  """A signature as a function that is traced when it is called first."""

  specs = {
    name: tf.TensorSpec([None if n == 'N' else n for n in shape], dtype, name)
    for name, (dtype, shape) in signature.inputs.items()
  }
  # Without autograph, which would look through the code of the whole flow.
  function = tf.function(signature.function, autograph=False)
  trace = functools.cache(lambda: function.get_concrete_function(**specs))
  return lambda **inputs: trace()(**inputs)


class _Signatures:
  """The signatures of a model that lives as long as they do."""

  def __init__(self, model):
    self._model = model

  def __getitem__(self, name):
    return self._model.signatures[name]


def _read_card(path):
  card = path / 'model_card.json'
  foreign = (
    f'{path} is a SavedModel without a {card.name} of tfp_cinc: it is of '
    'another project or of an older version; export the run anew by '
    '`python -m training export WORKDIR`.'
  )
  try:
    content = json.loads(card.read_text())
    kind, version = content['format'], content['format_version']
    shape, _ = list(map(int, content['image_shape'])), int(content['num_bits'])
  except (OSError, ValueError, KeyError, TypeError):
    raise UserError(foreign) from None
  if kind != _FORMAT or len(shape) != 3:
    raise UserError(foreign)
  if version != _VERSION:
    raise UserError(
      f'{path} is of version {version} of the format, made by tfp_cinc '
      f'{content.get("tfp_cinc_version")}; this one reads version {_VERSION}.'
    )
  return content


def run_directions(
  run: Run, say: Callable[[str], None] = print
) -> latent_space.AttributeDirections | None:
  """The attribute directions in a run's folder.

  Args:
    run: `Run`, at one of its checkpoints.
    say: called with a sentence where there are some of other weights.

  Returns:
    `tfp_cinc.latents.AttributeDirections`; None where there are none, or they
    are of another checkpoint: they are learned of the newest that there is.

  Raises:
    UserError: see `read_directions`.
  """
  path = run.folder / 'directions.npz'
  if not path.exists():
    return None
  learned = path.stat().st_mtime
  of_step = next(
    (
      found.step
      for found in find(run.folder / 'checkpoints')  # the newest first
      if (found.written or 0.0) <= learned and found.fault() is None
    ),
    None,
  )
  if of_step != int(run.step):
    say(
      f'{path} is not used: it is of other weights than those of step '
      f'{int(run.step)}; of the newest, learn it anew by `python -m training '
      f'attributes {run.folder}`.'
    )
    return None
  return read_directions(path, run.dataset.image_shape)


def read_directions(path, image_shape) -> latent_space.AttributeDirections:
  """Attribute directions for the latents of images of a shape.

  Args:
    path: the .npz file.
    image_shape: [H, W, C] of the flow.

  Returns:
    `tfp_cinc.latents.AttributeDirections`.

  Raises:
    UserError: if it is missing or damaged, or of other latents.
  """
  try:
    found = latent_space.AttributeDirections.load(path)
  except ValueError as error:
    raise UserError(str(error)) from None
  if found.layer is not None:
    raise UserError(
      f'{path} has directions of the activations of {found.layer}; those of '
      'the latents are needed here.'
    )
  size = int(np.prod(image_shape))
  if found.directions.shape[1] != size:
    raise UserError(
      f'{path} has directions of {found.directions.shape[1]} numbers; the '
      f'latents of this flow have {size}.'
    )
  return found


def _say(sentence):
  """To standard error: standard output may be a table."""
  print(sentence, file=sys.stderr)
