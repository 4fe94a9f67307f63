"""What we use of TFP that is not public, in one place."""

from tensorflow_probability.python.internal import (
  cache_util,
  dtype_util,
  parameter_properties,
  tensor_util,
)

from tfp_cinc.internal import switches

__all__ = [
  'OnePassCache',
  'ParameterProperties',
  'common_dtype',
  'convert_nonref_to_tensor',
]

_SETTINGS = 'settings of tfp_cinc'  # beside the keyword arguments of a call


class OnePassCache(cache_util.BijectorCache):
  """TFP's cache of values, for functions that return (value, attributes).

  The log-det is kept together with the value that it came with, and goes with
  it: where a value is computed anew, of new weights perhaps, nothing is left of
  the log-det before; one that is asked for alone is not kept. What was computed
  under other settings, in another precision say, is not taken.
  """

  def _invoke(self, input, fn_name, kwargs, attributes):
    own = {key: value for key, value in kwargs.items() if key != _SETTINGS}
    output, found = getattr(self.bijector, fn_name)(input, **own)
    attributes.clear()
    attributes.update(found)
    return output

  def _lookup(self, *args, **kwargs):
    return super()._lookup(*args, **kwargs, **{_SETTINGS: switches.state()})

  def _attributes(self, input, fn_name, **kwargs):
    kwargs[_SETTINGS] = switches.state()
    edge = self._get_or_create_edge(input, fn_name, kwargs)
    if not edge.output_ref:  # no value that it came with, or none any more
      edge.attributes.clear()
    return edge.attributes


ParameterProperties = parameter_properties.ParameterProperties
common_dtype = dtype_util.common_dtype
convert_nonref_to_tensor = tensor_util.convert_nonref_to_tensor
