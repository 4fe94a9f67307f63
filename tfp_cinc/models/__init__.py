"""Functions that build flows, and files of trained flows.

`MODELS` maps the names of the functions that build flows to the functions. Each
returns a `tfd.TransformedDistribution`.
"""

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
from tfp_cinc.models.pretrained import (
  card,
  load,
  load_noise,
  pretrained_names,
  save,
)
from tfp_cinc.models.tarflow import tarflow
from tfp_cinc.models.vector import ffjord, residual

MODELS = {
  'autoregressive_conv': autoregressive_conv,
  'cinc': cinc,
  'cinc_paper': cinc_paper,
  'emerging': emerging,
  'ffjord': ffjord,
  'glow': glow,
  'iaf': iaf,
  'jet': jet,
  'maf': maf,
  'multiscale_flow': multiscale_flow,
  'nice': nice,
  'periodic': periodic,
  'real_nvp': real_nvp,
  'residual': residual,
  'shift_conv': shift_conv,
  'tarflow': tarflow,
}

__all__ = [
  'MODELS',
  'autoregressive_conv',
  'card',
  'cinc',
  'cinc_paper',
  'emerging',
  'ffjord',
  'glow',
  'iaf',
  'jet',
  'load',
  'load_noise',
  'maf',
  'multiscale_flow',
  'nice',
  'periodic',
  'pretrained_names',
  'real_nvp',
  'residual',
  'save',
  'shift_conv',
  'tarflow',
]
