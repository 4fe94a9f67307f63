"""Trained flows, from the folder of a run or from a SavedModel."""

from .open_flow import open_flow
from .trained_flow import TrainedFlow

__all__ = ['TrainedFlow', 'open_flow']
