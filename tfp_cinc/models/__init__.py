"""Functions that build flows; each returns a `tfd.TransformedDistribution`."""

from tfp_cinc.models.autoregressive import iaf, maf
from tfp_cinc.models.jet import jet
from tfp_cinc.models.multiscale import multiscale_flow
from tfp_cinc.models.nice import nice
from tfp_cinc.models.presets import (
  autoregressive_conv,
  cinc,
  cinc_paper,
  emerging,
  glow,
  periodic,
  real_nvp,
  shift_conv,
)
from tfp_cinc.models.tarflow import tarflow
from tfp_cinc.models.vector import ffjord, residual

__all__ = [
  'autoregressive_conv',
  'cinc',
  'cinc_paper',
  'emerging',
  'ffjord',
  'glow',
  'iaf',
  'jet',
  'maf',
  'multiscale_flow',
  'nice',
  'periodic',
  'real_nvp',
  'residual',
  'shift_conv',
  'tarflow',
]
