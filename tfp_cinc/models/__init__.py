"""Flows as functions: each returns a `tfd.TransformedDistribution`."""

from tfp_cinc.models.cinc import cinc
from tfp_cinc.models.glow import glow

__all__ = ['cinc', 'glow']
