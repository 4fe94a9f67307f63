"""The signatures of an exported flow."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import latents as latents_lib
from tfp_cinc.conditioning import given as given_condition
from tfp_cinc.conditioning import is_conditional
from tfp_cinc.denoising import denoise
from tfp_cinc.dequantization import bits_per_dim, dequantize, quantize
from tfp_cinc.latents.interpolation import METHODS
from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.guided_sampler import guided_sampler
from tfp_cinc.saved_model.noise import fixed_noise
from tfp_cinc.saved_model.requirements import require, require_factor
from tfp_cinc.variational_dequantization import VariationalDequantization

__all__ = ['Signature', 'flow_signatures']

tfd = tfp.distributions


# Dtype and shape of an input.
Input: TypeAlias = tuple[tf.DType, list]


class Signature(NamedTuple):
  """A function from named tensors to a dict of tensors.

  Attributes:
    inputs: Mapping from names to (dtype, shape). The first size of a shape is a
      string, such as 'N', if any size is allowed.
    function: Function that takes these tensors as keyword arguments.
  """

  inputs: dict[str, Input]
  function: Callable[..., dict[str, tf.Tensor]]


def flow_signatures(
  flow: tfd.TransformedDistribution,
  num_bits: int,
  attributes: list[str],
  directions: tf.Variable | None,
  noise: VariationalDequantization | None = None,
  condition: ConditionInput | None = None,
  noise_scale: float = 0.0,
) -> dict[str, Signature]:
  """Returns the signatures of a flow, as described in `export_saved_model`.

  The functions that evaluate the flow or the noise are traced once; all
  signatures call them.

  Args:
    flow: Flow over images.
    num_bits: Bits per channel, 1 to 8.
    attributes: Names of the A attributes.
    directions: Directions of the attributes [A, D]. None omits `manipulate`.
    noise: Learned dequantization noise. None omits `learned_noise`.
    condition: The condition of a conditional flow, which becomes an input of
      each signature; None for other flows.
    noise_scale: Standard deviation of the Gaussian noise of the images on which
      the flow was trained, which is removed from samples; 0 for none.

  Returns:
    Mapping from names to `Signature`.
  """
  shape, dtype = flow.event_shape.as_list(), flow.dtype
  size, levels = math.prod(shape), latents_lib.latent_levels(flow)
  images, values = (tf.uint8, ['N', *shape]), (dtype, ['N', *shape])

  def traced(function, *event_shape):
    """Traces a function of examples and, if there is one, their condition."""
    shapes = [event_shape]
    if condition is not None:
      shapes.append(condition.shape)
    specs = [tf.TensorSpec([None, *shape], dtype) for shape in shapes]

    def call(*tensors):
      # An empty batch is padded to one example, because TensorFlow's kernels
      # for convolutions fail on it.
      number = tf.shape(tensors[0])[0]
      empty = tf.cast(tf.equal(number, 0), tf.int32)
      padded = [
        tf.ensure_shape(
          tf.pad(x, [[0, empty], *[[0, 0]] * (x.shape.rank - 1)]), spec.shape
        )
        for x, spec in zip(tensors, specs, strict=True)
      ]
      return tf.nest.map_structure(lambda y: y[:number], function(*padded))

    return tf.function(call, input_signature=specs, autograph=False)

  def condition_of(inputs):
    """Returns a list of the condition, or an empty one if there is none."""
    if condition is None:
      return []
    return [tf.cast(condition.tensor(inputs, num_bits), dtype)]

  def of_flow(function):
    return functools.partial(function, flow)

  log_prob_by_level = traced(of_flow(latents_lib.log_prob_by_level), *shape)
  to_latents = traced(of_flow(latents_lib.encode), *shape)
  to_values = traced(of_flow(latents_lib.decode), size)
  if noise is not None:
    moved = traced(
      lambda x, *c: _given(noise, *c).replace_uniform(x, num_bits), *shape
    )
  denoised = traced(
    lambda x, *c: denoise(_given(flow, *c), x, noise_scale), *shape
  )

  def continuous(images, noise):
    return tf.cast(dequantize(images, num_bits, noise=noise), dtype)

  def decode_rows(latents, *given):
    rows, number = tf.shape(latents)[:2], tf.shape(latents)[1]
    found = decode_given(
      tf.reshape(latents, [-1, size]), *[tf.repeat(c, number, 0) for c in given]
    )
    return {
      'images': tf.reshape(found['images'], tf.concat([rows, shape], 0)),
      'clipped': tf.reshape(found['clipped'], rows),
    }

  def log_prob(images, **inputs):
    values, log_q = continuous(images, fixed_noise(shape)), None
    given = condition_of(inputs)
    if noise is not None:
      values, log_q = moved(values, *given)
    return densities(values, log_q, *given)

  def log_prob_values(values, **inputs):
    return densities(values, None, *condition_of(inputs))

  def learned_noise(values, **inputs):
    is_image = tf.reduce_all(tf.abs(values) <= 0.5, [1, 2, 3])
    values, log_q = moved(values, *condition_of(inputs))
    return {'values': values, 'log_q': tf.where(is_image, log_q, math.nan)}

  def densities(values, log_q, *given):
    log_prob, by_level = log_prob_by_level(values, *given)
    if log_q is not None:
      # The noise counts toward level 0, the level of single pixels.
      log_prob -= log_q
      first, others = tf.split(by_level, [1, -1], axis=-1)
      by_level = tf.concat([first - log_q[:, tf.newaxis], others], axis=-1)
    return {
      'log_prob': log_prob,
      'bits_per_dim': bits_per_dim(log_prob, shape, num_bits),
      'bits_per_dim_by_level': latents_lib.bits_per_dim_by_level(
        by_level, levels, num_bits
      ),
    }

  def encode_given(images, *given):
    return to_latents(continuous(images, 0.5), *given)

  def encode(images, **inputs):
    return {'latents': encode_given(images, *condition_of(inputs))}

  def decode_given(latents, *given):
    return images_of(to_values(latents, *given))

  def images_of(values):
    # NaN is not inside. The test is not inverted, because TensorFlow's graph
    # optimizer would turn not(x <= 0.5) into x > 0.5, which is false for NaN.
    is_inside = tf.cast(tf.abs(values) <= 0.5, tf.float32)
    return {
      'images': quantize(values, num_bits),
      'values': values,
      'clipped': 1.0 - tf.reduce_mean(is_inside, [1, 2, 3]),
    }

  def samples_of(values, *given):
    if not noise_scale:
      return images_of(values)
    return {**images_of(denoised(values, *given)), 'noisy_values': values}

  def decode(latents, **inputs):
    return decode_given(latents, *condition_of(inputs))

  def sample(temperature, seed, number=None, **inputs):
    given = condition_of(inputs)
    if given:
      number = tf.shape(given[0])[0]
    checks = [
      require(number >= 0, '`number` is ', number, '; it must be at least 0.'),
      require_factor('temperature', temperature),
    ]
    with tf.control_dependencies(checks):
      latents = flow.distribution.sample([number], seed=seed)
    latents *= tf.cast(temperature, dtype)
    values = to_values(tf.reshape(latents, [-1, size]), *given)
    return samples_of(values, *given)

  guided = guided_sampler(flow, condition)

  def sample_guided(temperature, guidance, seed, **inputs):
    [given] = condition_of(inputs)
    checks = [
      require_factor('temperature', temperature),
      require_factor('guidance', guidance),
    ]
    with tf.control_dependencies(checks):
      return samples_of(guided(given, temperature, guidance, seed), given)

  def interpolate(first, second, steps, method, **inputs):
    is_method = tf.equal(method, list(METHODS))
    checks = [
      require(steps >= 2, '`steps` is ', steps, '; it must be at least 2.'),
      require(
        tf.reduce_any(is_method),
        '`method` is ',
        method,
        f'; it must be one of {", ".join(METHODS)}.',
      ),
    ]
    with tf.control_dependencies(checks):
      both = tf.concat([first, second], 0)
    given = condition_of(inputs)
    latents = encode_given(both, *[tf.concat([c, c], 0) for c in given])
    ends = tf.split(latents, 2)
    ways = [
      lambda name=name: latents_lib.interpolate_latents(*ends, steps, name)
      for name in METHODS
    ]
    chosen = tf.argmax(is_method, output_type=tf.int32)
    return decode_rows(tf.switch_case(chosen, ways), *given)

  def manipulate(images, attribute, strengths, **inputs):
    is_attribute = tf.equal(attribute, attributes)
    exists = require(
      tf.reduce_any(is_attribute),
      '`attribute` is ',
      attribute,
      f'; it must be one of {", ".join(attributes)}.',
    )
    are_finite = require(
      tf.reduce_all(tf.math.is_finite(strengths)),
      '`strengths` are ',
      strengths,
      '; they must be finite.',
    )
    with tf.control_dependencies([exists, are_finite]):
      direction = tf.gather(directions, tf.argmax(is_attribute))
    strengths = tf.cast(strengths, dtype)[:, tf.newaxis]
    given = condition_of(inputs)
    latents = encode_given(images, *given)[:, tf.newaxis]
    return decode_rows(latents + strengths * direction, *given)

  number: Input = (tf.int32, [])
  word: Input = (tf.string, [])
  factor: Input = (tf.float32, [])
  seed: Input = (tf.int32, [2])
  table = {
    'log_prob': Signature({'images': images}, log_prob),
    'log_prob_values': Signature({'values': values}, log_prob_values),
    'learned_noise': Signature({'values': values}, learned_noise),
    'encode': Signature({'images': images}, encode),
    'decode': Signature({'latents': (dtype, ['N', size])}, decode),
    'sample': Signature(
      {'number': number, 'temperature': factor, 'seed': seed}, sample
    ),
    'sample_guided': Signature(
      {'temperature': factor, 'guidance': factor, 'seed': seed}, sample_guided
    ),
    'interpolate': Signature(
      {'first': images, 'second': images, 'steps': number, 'method': word},
      interpolate,
    ),
    'manipulate': Signature(
      {
        'images': images,
        'attribute': word,
        'strengths': (tf.float32, ['S']),
      },
      manipulate,
    ),
  }
  if condition is not None:
    del table['sample'].inputs['number']  # that of the conditions
    for signature in table.values():
      signature.inputs.update(condition.inputs)
  if guided is None:
    del table['sample_guided']
  if directions is None:
    del table['manipulate']
  if noise is None:
    del table['learned_noise']
  return table


def _given(part, *condition):
  """Returns a flow or learned noise, bound to the condition if it takes one."""
  if condition and is_conditional(part):
    return given_condition(part, *condition)
  return part
