"""Mathematics of the layers, as pure functions of tensors."""

from tfp_cinc.math.causal_conv import (
  causal_conv2d,
  causal_conv2d_solve,
  causal_conv2d_solve_matrices,
  convolution_matrix,
)
from tfp_cinc.math.dense_jacobian import (
  DenseJacobian,
  apply_dense_layers,
  lip_swish,
  rademacher_probes,
)
from tfp_cinc.math.fixed_point import fixed_point
from tfp_cinc.math.linear_map import linear_map_matrix
from tfp_cinc.math.periodic_conv import (
  periodic_conv2d,
  periodic_conv2d_solve,
  periodic_conv2d_solve_matrices,
  periodic_log_abs_det,
  periodic_reciprocal_condition,
)
from tfp_cinc.math.spline import rational_quadratic_spline
from tfp_cinc.math.theory import (
  Invertibility,
  is_invertible,
  parameter_count,
)

__all__ = [
  'DenseJacobian',
  'Invertibility',
  'apply_dense_layers',
  'causal_conv2d',
  'causal_conv2d_solve',
  'causal_conv2d_solve_matrices',
  'convolution_matrix',
  'fixed_point',
  'is_invertible',
  'linear_map_matrix',
  'lip_swish',
  'parameter_count',
  'periodic_conv2d',
  'periodic_conv2d_solve',
  'periodic_conv2d_solve_matrices',
  'periodic_log_abs_det',
  'periodic_reciprocal_condition',
  'rademacher_probes',
  'rational_quadratic_spline',
]
