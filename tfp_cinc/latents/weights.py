"""Checksum of the weights of a flow."""

import hashlib

import numpy as np
import tensorflow_probability as tfp

from tfp_cinc.internal.composite import captured_variables, tensors_of
from tfp_cinc.tree import root

__all__ = ['weights_digest']

tfd = tfp.distributions


def weights_digest(flow: tfd.TransformedDistribution) -> str:
  """Returns a checksum of the weights with which a flow computes latents.

  Use it to record the weights to which `attribute_directions` belong. It is the
  same for a flow that was saved and restored, and differs after any change of a
  weight. The weights of the base distribution are not included.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> len(weights_digest(flow))
  64

  Args:
    flow: Flow over images [H, W, C], or over events of any shape.

  Returns:
    SHA-256 of all weights, as 64 hexadecimal digits.
  """
  digest = hashlib.sha256()
  for tensor in [*tensors_of(root(flow)), *captured_variables(root(flow))]:
    array = np.ascontiguousarray(tensor)
    digest.update(f'{array.dtype.name}{list(array.shape)}'.encode())
    digest.update(array.tobytes())
  return digest.hexdigest()
