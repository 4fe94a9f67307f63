"""Export of a flow as a SavedModel that needs only TensorFlow."""

from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.export import export_saved_model
from tfp_cinc.saved_model.noise import fixed_noise

__all__ = ['ConditionInput', 'export_saved_model', 'fixed_noise']
