"""Flows as Keras models. Only this package imports tf_keras."""

from tfp_cinc.flow_model.model import FlowModel

__all__ = ['FlowModel']
