"""What we use of TFP that is not public, in one place."""

from tensorflow_probability.python.internal import (
  cache_util,
  dtype_util,
  parameter_properties,
  tensor_util,
)

__all__ = [
  'BijectorCacheWithGreedyAttrs',
  'ParameterProperties',
  'common_dtype',
  'convert_nonref_to_tensor',
]

# Stores the log-det in the cache together with the value it came with.
BijectorCacheWithGreedyAttrs = cache_util.BijectorCacheWithGreedyAttrs
ParameterProperties = parameter_properties.ParameterProperties
common_dtype = dtype_util.common_dtype
convert_nonref_to_tensor = tensor_util.convert_nonref_to_tensor
