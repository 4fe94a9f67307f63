"""Pure functions on tensors: no bijectors, no variables."""

from tfp_cinc.math.causal_conv import (
  causal_conv2d,
  causal_conv2d_solve,
  convolution_matrix,
)
from tfp_cinc.math.plu import PLUMatrix

__all__ = [
  'PLUMatrix',
  'causal_conv2d',
  'causal_conv2d_solve',
  'convolution_matrix',
]
