"""Functions that use the latents of a trained flow.

A flow is a `tfd.TransformedDistribution` over images [H, W, C] with values in
[-0.5, 0.5]. These functions represent its latents as vectors [D], D = H * W *
C, whatever the shape of its base. They compute in the precision of the flow. If
its networks compute in bfloat16, pass
`tfp_cinc.with_network_dtype(flow, 'float32')` for full precision.
"""

from tfp_cinc.latents.activations import (
  activations,
  from_activations,
  layer_names,
  until,
)
from tfp_cinc.latents.attributes import (
  AttributeDirections,
  attribute_directions,
  one_hot_attributes,
)
from tfp_cinc.latents.encoding import decode, encode
from tfp_cinc.latents.interpolation import interpolate, interpolate_latents
from tfp_cinc.latents.levels import (
  bits_per_dim_by_level,
  latent_levels,
  log_prob_by_level,
  merge_latents,
  split_latents,
)
from tfp_cinc.latents.manipulation import manipulate
from tfp_cinc.latents.temperature import with_temperature
from tfp_cinc.latents.typicality import TypicalityTest, typicality_score
from tfp_cinc.latents.weights import weights_digest

__all__ = [
  'AttributeDirections',
  'TypicalityTest',
  'activations',
  'attribute_directions',
  'bits_per_dim_by_level',
  'decode',
  'encode',
  'from_activations',
  'interpolate',
  'interpolate_latents',
  'latent_levels',
  'layer_names',
  'log_prob_by_level',
  'manipulate',
  'merge_latents',
  'one_hot_attributes',
  'split_latents',
  'typicality_score',
  'until',
  'weights_digest',
  'with_temperature',
]
