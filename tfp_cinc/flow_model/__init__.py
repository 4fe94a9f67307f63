"""Flows for users of Keras; all of the library that imports tf_keras."""

from tfp_cinc.flow_model.model import FlowModel

__all__ = ['FlowModel']
