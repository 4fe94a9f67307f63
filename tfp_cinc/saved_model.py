"""Export of a flow as a SavedModel that needs TensorFlow alone."""

import math
import os
import shutil
import tempfile

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import is_conditional
from tfp_cinc.dequantization import bits_per_dim, dequantize, quantize
from tfp_cinc.initialization import is_initialized
from tfp_cinc.internal import switches

__all__ = ['export_saved_model', 'fixed_noise']

tfd = tfp.distributions


def fixed_noise(image_shape) -> tf.Tensor:
  """The dequantization noise of exported models: the same for every image.

  One fixed draw from U[0, 1) gives an image the same density at each call and
  in any batch.

  Args:
    image_shape: [H, W, C].

  Returns:
    float32 `Tensor` [H, W, C].
  """
  return tf.random.stateless_uniform(image_shape, seed=[0, 0])


def export_saved_model(
  flow: tfd.TransformedDistribution,
  path: str | os.PathLike,
  image_shape,
  num_bits: int = 8,
) -> None:
  """Writes a flow as a SavedModel with four signatures, for any batch size.

  - `log_prob`: `images` uint8 [N, H, W, C] -> `log_prob` [N], in nats of the
    continuous image, and `bits_per_dim` [N], with `fixed_noise`.
  - `encode`: `images` uint8 [N, H, W, C] -> `latents` [N, H*W*C], of the middle
    of each pixel's bin.
  - `decode`: `latents` [N, H*W*C] -> `images` uint8 and `values`, the same
    before they are quantized, in [-0.5, 0.5] where they belong to an image.
  - `sample`: `number` int32 [], `temperature` [], `seed` int32 [2] -> `images`
    and `values` [number, H, W, C], from latents of the base distribution times
    `temperature`.

  `decode(encode(images))` gives back `images`: networks compute in the flow's
  own dtype. It is loaded by
  `tf.saved_model.load(path).signatures[name]`, where neither tfp_cinc nor TFP
  nor tf_keras needs to be installed. It is written to a temporary folder beside
  `path` and renamed.

  Args:
    flow: an initialized flow over images [H, W, C].
    path: the folder to write. A SavedModel that is there is replaced.
    image_shape: [H, W, C].
    num_bits: the bits of a pixel that the flow was trained on.

  Raises:
    ValueError: if the flow is not initialized, is over another shape or is
      conditional, or if `path` is something else than a SavedModel.
  """
  path = os.path.abspath(os.fspath(path))
  image_shape = [int(size) for size in image_shape]
  if flow.event_shape.as_list() != image_shape:
    raise ValueError(
      f'`image_shape` is {image_shape}; the flow is over '
      f'{flow.event_shape.as_list()}.'
    )
  if not is_initialized(flow):
    raise ValueError(
      'the flow is not initialized: train it, or call '
      '`tfp_cinc.initialize_from_data(flow, images)` first.'
    )
  if is_conditional(flow):
    raise ValueError(
      f'{flow.name} is conditional; its signatures would lack the condition, '
      'so that it cannot be exported.'
    )
  if os.path.exists(path) and not _is_replaceable(path):
    raise ValueError(f'{path} exists and is no SavedModel; it is left alone.')
  module = _ServedFlow(flow, image_shape, num_bits)
  os.makedirs(os.path.dirname(path), exist_ok=True)
  temporary = tempfile.mkdtemp(
    prefix=f'.{os.path.basename(path)}-', dir=os.path.dirname(path)
  )
  try:
    os.chmod(temporary, 0o755)
    written = os.path.join(temporary, 'new')
    with switches.native_gradients.on(), switches.full_precision.on():
      tf.saved_model.save(module, written, signatures=module.signatures())
    old = os.path.join(temporary, 'old')
    if os.path.exists(path):
      os.rename(path, old)
    try:
      os.rename(written, path)
    except OSError:
      if os.path.exists(old):
        os.rename(old, path)
      raise
  finally:
    shutil.rmtree(temporary, ignore_errors=True)


def _is_replaceable(path):
  return os.path.isdir(path) and (
    not os.listdir(path) or os.path.exists(os.path.join(path, 'saved_model.pb'))
  )


class _ServedFlow(tf.Module):
  """The functions of an exported flow and the variables that they read."""

  def __init__(self, flow, image_shape, num_bits):
    super().__init__(name='flow')
    # The variables alone, not the flow: loading needs no class of ours.
    self.flow_variables = list(flow.variables)
    dtype = flow.dtype
    size = math.prod(image_shape)

    def check(tensor, name, expected):
      """`tensor` with its static shape, or an error that says what is right."""
      wrong = (
        f'`{name}` does not have the shape {["N", *expected]} that this flow '
        'takes; its shape is'
      )
      right = tf.reduce_all(tf.equal(tf.shape(tensor)[1:], expected))
      assertion = tf.debugging.Assert(right, [wrong, tf.shape(tensor)])
      with tf.control_dependencies([assertion]):
        return tf.ensure_shape(tf.identity(tensor), [None, *expected])

    def pixels(values):
      return {'images': quantize(values, num_bits), 'values': values}

    def encode(values):
      return flow.bijector.inverse(tf.cast(values, dtype))

    image_spec = tf.TensorSpec([None] * 4, tf.uint8, 'images')

    @tf.function(input_signature=[image_spec])
    def log_prob_signature(images):
      images = check(images, 'images', image_shape)
      values = dequantize(images, num_bits, noise=fixed_noise(image_shape))
      log_prob = flow.log_prob(tf.cast(values, dtype))
      bits = bits_per_dim(log_prob, image_shape, num_bits)
      return {'log_prob': log_prob, 'bits_per_dim': bits}

    @tf.function(input_signature=[image_spec])
    def encode_signature(images):
      images = check(images, 'images', image_shape)
      latents = encode(dequantize(images, num_bits, noise=0.5))
      return {'latents': tf.reshape(latents, [-1, size])}

    @tf.function(
      input_signature=[tf.TensorSpec([None, None], dtype, 'latents')]
    )
    def decode_signature(latents):
      latents = check(latents, 'latents', [size])
      latents = tf.reshape(latents, [-1, *image_shape])
      return pixels(flow.bijector.forward(latents))

    @tf.function(
      input_signature=[
        tf.TensorSpec([], tf.int32, 'number'),
        tf.TensorSpec([], tf.float32, 'temperature'),
        tf.TensorSpec([2], tf.int32, 'seed'),
      ]
    )
    def sample_signature(number, temperature, seed):
      latents = flow.distribution.sample([number], seed=seed)
      latents = tf.ensure_shape(latents, [None, *image_shape])
      return pixels(
        flow.bijector.forward(latents * tf.cast(temperature, dtype))
      )

    self.log_prob = log_prob_signature
    self.encode = encode_signature
    self.decode = decode_signature
    self.sample = sample_signature

  def signatures(self):
    """The signatures by name."""
    return {
      'log_prob': self.log_prob,
      'encode': self.encode,
      'decode': self.decode,
      'sample': self.sample,
    }
