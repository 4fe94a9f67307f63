"""Checks of the arguments of an export."""

import json
import math
import numbers
import os
import pathlib

import tensorflow as tf

from tfp_cinc.conditioning import is_conditional, num_condition_channels
from tfp_cinc.initialization import is_initialized
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.latents import weights_digest
from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.tree import subtree

__all__ = [
  'check_condition',
  'check_extras',
  'check_flow',
  'check_noise_scale',
]

PRECISIONS = ('full', 'bfloat16')
_OWN_FILES = ('latents.npz', 'directions.npz')
# Entries of the card that are only known when everything else is written.
_LAST_ENTRIES = ('signatures', 'files', 'sha256')


def check_flow(flow, image_shape, directions, precision):
  """Raises `ValueError` if a flow cannot be exported with these arguments."""
  check_choice('precision', precision, PRECISIONS)
  event_shape = flow.event_shape.as_list()
  if event_shape != image_shape:
    raise ValueError(
      f'`image_shape` is {image_shape}; the flow is over {event_shape}.'
    )
  if len(image_shape) != 3:
    raise ValueError(
      f'`image_shape` is {image_shape}; only a flow over images [H, W, C] can '
      'be exported.'
    )
  if not is_initialized(flow):
    raise ValueError(
      'the flow is not initialized: train it, or call '
      '`tfp_cinc.initialize_from_data(flow, images)` first.'
    )
  if directions is not None:
    if directions.layer is not None:
      raise ValueError(
        f'`directions` belong to the activations of {directions.layer}; only '
        'directions of latents can be exported.'
      )
    found, size = directions.directions.shape[1], math.prod(image_shape)
    if found != size:
      raise ValueError(
        f'`directions` have {found} elements each; the latents of this flow '
        f'have {size}.'
      )
    if directions.weights not in (None, weights_digest(flow)):
      raise ValueError(
        '`directions` belong to other weights than those of this flow; learn '
        'them again.'
      )
  if precision == 'bfloat16' and (
    flow.dtype != tf.float32
    or not any(_has_network_dtype(bijector) for bijector in subtree(flow))
  ):
    raise ValueError(
      "`precision` is 'bfloat16', which requires a float32 flow with coupling "
      f'networks; {flow.name} is in {flow.dtype.name} or has no networks.'
    )


def check_condition(flow, condition):
  """Raises `ValueError` if a flow takes no such condition."""
  for bijector in subtree(flow):
    for network in bijector.own_networks():
      bound = getattr(network, 'condition', None)
      if bound is not None and bound.shape.rank in (2, 4):
        raise ValueError(
          f'{flow.name} has a condition of shape {bound.shape}, which has a '
          'batch dimension; export the conditional flow itself, or the flow '
          'for a single condition: `tfp_cinc.given(flow, condition[0])`.'
        )
  if condition is None and is_conditional(flow):
    raise ValueError(
      f'{flow.name} is conditional; describe its condition, such as '
      "`condition=tfp_cinc.ConditionInput('label', [10])`."
    )
  if condition is None:
    return
  if not isinstance(condition, ConditionInput):
    raise ValueError(
      f'`condition` is {condition!r}; it must be a description, such as '
      "`tfp_cinc.ConditionInput('label', [10])`."
    )
  channels = num_condition_channels(flow)
  if not channels:
    raise ValueError(
      f'`condition` is given, and {flow.name} takes none: build it with '
      '`condition_channels=`.'
    )
  if condition.shape[-1] != channels:
    raise ValueError(
      f'`condition` has the shape {list(condition.shape)}; {flow.name} takes '
      f'{channels} channels.'
    )


def check_noise_scale(noise_scale):
  """Raises `ValueError` unless a noise scale is a number of at least 0."""
  is_number = isinstance(noise_scale, numbers.Real)
  if not (is_number and math.isfinite(noise_scale) and noise_scale >= 0):
    raise ValueError(
      f'`noise_scale` is {noise_scale!r}; it must be a finite number of at '
      'least 0, the standard deviation of the noise.'
    )


def _has_network_dtype(bijector):
  networks = bijector.own_networks()
  return any(hasattr(network, 'with_network_dtype') for network in networks)


def check_extras(own, card, extra_files):
  """Raises `ValueError` if the card or the extra files are invalid."""
  for key in card:
    if key in (*own, *_LAST_ENTRIES):
      raise ValueError(
        f'`card` contains {key!r}, an entry that the export itself writes.'
      )
  json.dumps(card, allow_nan=False)
  for name, content in extra_files.items():
    if name in _OWN_FILES or pathlib.PurePath(name).name != name:
      raise ValueError(
        f'`extra_files` contains the name {name!r}; it must be a file name '
        f'without a folder, other than {" and ".join(_OWN_FILES)}.'
      )
    if not isinstance(content, bytes) and not os.path.isfile(content):
      raise ValueError(
        f'`extra_files` contains {os.fspath(content)}, which is not a file.'
      )
