"""The functions of a trained flow, whether of a run or of a SavedModel."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

import ml_collections
import numpy as np
import tensorflow as tf

from tfp_cinc import latents

from ..data.condition import Condition
from ..data.facts import DataFacts

__all__ = ['FUNCTIONS', 'OPTIONAL', 'FlowSource']

# Signatures of `tfp_cinc.export_saved_model` that all flows have.
FUNCTIONS = ('encode', 'decode', 'sample', 'log_prob_values')
# Signatures that some flows have.
OPTIONAL = ('learned_noise', 'sample_guided')


@dataclasses.dataclass(frozen=True)
class FlowSource:
  """The functions of a trained flow and what belongs to it.

  Attributes:
    functions: By the names `FUNCTIONS` and some of `OPTIONAL`, functions of
      named tensors with the arguments and results of those signatures.
    data: Facts of the data set that it was trained on.
    num_bits: Bits per channel.
    latent_levels: int32 [H*W*C], the level of each latent.
    read_directions: Function that returns the `AttributeDirections`, or None.
    config: The configuration of the run, or None if not known.
    folder: Folder for files that are made from the flow by default.
    weights: `tfp_cinc.latents.weights_digest` of the flow, or None if not
      known.
    condition: `Condition` of a conditional flow; None for other flows.
    noise_scale: Standard deviation of the Gaussian noise of its training
      images; 0 for other noise. Not 0: its samples are denoised.
  """

  functions: Mapping[str, Callable[..., dict[str, tf.Tensor]]]
  data: DataFacts
  num_bits: int
  latent_levels: np.ndarray
  read_directions: Callable[[], latents.AttributeDirections | None]
  config: ml_collections.ConfigDict | None
  folder: pathlib.Path
  weights: str | None
  condition: Condition | None = None
  noise_scale: float = 0.0
