"""The functions of a flow in memory, as an exported model has them."""

import functools
from collections.abc import Callable

import tensorflow as tf

from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.signatures import flow_signatures

from .flow_source import FUNCTIONS, OPTIONAL

__all__ = ['flow_functions']


def flow_functions(
  flow,
  num_bits: int,
  *,
  noise=None,
  condition: ConditionInput | None = None,
  noise_scale: float = 0.0,
) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
  """Returns the functions of a `FlowSource`, each traced at its first call.

  Args:
    flow: Flow over images.
    num_bits: Bits per channel.
    noise: Learned `VariationalDequantization`, or None.
    condition: Condition of a conditional flow.
    noise_scale: Standard deviation of the Gaussian noise of its training
      images; 0 for other noise.
  """
  table = flow_signatures(
    flow,
    num_bits,
    attributes=[],
    directions=None,
    noise=noise,
    condition=condition,
    noise_scale=noise_scale,
  )
  return {
    name: _traced_at_first_call(table[name])
    for name in (*FUNCTIONS, *OPTIONAL)
    if name in table
  }


def _traced_at_first_call(signature):
  specs = {
    name: tf.TensorSpec([None if n == 'N' else n for n in shape], dtype, name)
    for name, (dtype, shape) in signature.inputs.items()
  }
  # Without autograph, which would convert the code of the whole flow.
  function = tf.function(signature.function, autograph=False)
  trace = functools.cache(lambda: function.get_concrete_function(**specs))
  return lambda **inputs: trace()(**inputs)
