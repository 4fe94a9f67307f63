"""The module that is written to a SavedModel."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.composite import (
  captured_variables,
  tensors_of,
  with_tensors,
)
from tfp_cinc.latents import AttributeDirections
from tfp_cinc.saved_model import image_files
from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.requirements import (
  require_equal_numbers,
  require_shape,
)
from tfp_cinc.saved_model.signatures import Signature, flow_signatures
from tfp_cinc.tree import root, with_bijector
from tfp_cinc.variational_dequantization import VariationalDequantization

__all__ = ['describe', 'serve']

tfd = tfp.distributions


def serve(
  flow: tfd.TransformedDistribution,
  num_bits: int,
  directions: AttributeDirections | None,
  noise: VariationalDequantization | None = None,
  condition: ConditionInput | None = None,
  noise_scale: float = 0.0,
) -> tuple[tf.Module, dict[str, Signature]]:
  """Returns a module with the variables of a flow, and its traced signatures.

  Args:
    flow: Frozen flow over images.
    num_bits: Bits per channel, 1 to 8.
    directions: Directions of attributes. None omits `manipulate`.
    noise: Learned dequantization noise. None omits `learned_noise`.
    condition: The condition of a conditional flow, or None.
    noise_scale: Standard deviation of the Gaussian noise to remove from
      samples; 0 for none.

  Returns:
    (module, signatures), with concrete functions in the signatures.
  """
  module = tf.Module(name='flow')
  # The weights are Variables, because a constant would be copied into each
  # function that uses it. The module stores only the Variables and not the
  # flow, so that loading needs none of our classes.
  variables = [
    tf.Variable(tensor, trainable=False) for tensor in tensors_of(flow.bijector)
  ]
  flow = with_bijector(flow, with_tensors(flow.bijector, variables))
  module.flow_variables = list(flow.variables)
  # The Variables of networks that are not composite tensors.
  module.captured_variables = captured_variables(root(flow))
  if noise is not None:
    module.noise_variables = list(noise.variables)
  names = []
  if directions is not None:
    names = list(directions.names)
    module.directions = tf.Variable(
      tf.cast(directions.directions, flow.dtype), trainable=False
    )
  table = flow_signatures(
    flow,
    num_bits,
    names,
    module.directions if names else None,
    noise,
    condition,
    noise_scale,
  )
  image_shape = flow.event_shape.as_list()
  signatures = {}
  for name, signature in table.items():
    signatures[name] = arrays = _traced(signature)
    # A PNG file has at most 4 channels.
    if image_shape[-1] <= 4 and _has_images(arrays):
      signatures[f'{name}_bytes'] = _traced(_of_files(arrays))
  for name, signature in signatures.items():
    setattr(module, name, signature.function)
  return module, signatures


def describe(signature: Signature) -> dict:
  """Returns the inputs and outputs of a traced signature for the model card."""
  inputs = signature.inputs.items()
  function: tf.types.experimental.ConcreteFunction = signature.function
  outputs = function.structured_outputs.items()
  return {
    'inputs': {k: {'dtype': d.name, 'shape': s} for k, (d, s) in inputs},
    'outputs': {
      k: {'dtype': v.dtype.name, 'shape': v.shape.as_list()} for k, v in outputs
    },
  }


def _traced(signature):
  """Returns the signature with a concrete function that checks its inputs."""

  def call(**inputs):
    checked = {
      name: require_shape(inputs[name], name, shape)
      for name, (_, shape) in signature.inputs.items()
    }
    batches = [n for n, (_, shape) in signature.inputs.items() if 'N' in shape]
    with tf.control_dependencies(
      require_equal_numbers({name: checked[name] for name in batches})
    ):
      return signature.function(**checked)

  # The specs allow any shape. Otherwise TensorFlow would reject wrong shapes
  # itself, with a message that does not name the argument.
  specs = {
    name: tf.TensorSpec(None, dtype, name)
    for name, (dtype, _) in signature.inputs.items()
  }
  function = tf.function(call, autograph=False)
  return Signature(signature.inputs, function.get_concrete_function(**specs))


def _has_images(signature):
  dtypes = [dtype for dtype, _ in signature.inputs.values()]
  dtypes += [o.dtype for o in signature.function.structured_outputs.values()]
  return tf.uint8 in dtypes


def _of_files(signature):
  """Returns the variant of a signature for image files.

  Each array of images becomes an array of the same number of files, and
  `_bytes` is appended to its name. TensorFlow Serving decodes inputs with such
  names from base64.
  """
  specs = signature.inputs.items()
  images = {
    name: shape[1:] for name, (dtype, shape) in specs if dtype == tf.uint8
  }

  def call(**inputs):
    for name, shape in images.items():
      files = inputs.pop(f'{name}_bytes')
      inputs[name] = image_files.decode_images(files, shape, f'{name}_bytes')
    outputs = signature.function(**inputs)
    drawn = [k for k, v in outputs.items() if v.dtype == tf.uint8]
    if drawn:
      for values in ('values', 'noisy_values'):  # images, not quantized
        outputs.pop(values, None)
    for name in drawn:
      outputs[f'{name}_bytes'] = image_files.encode_images(outputs.pop(name))
    return outputs

  inputs = {
    f'{name}_bytes' if name in images else name: (
      (tf.string, ['N']) if name in images else spec
    )
    for name, spec in specs
  }
  return Signature(inputs, call)
