"""The training step, the evaluation step and what they are made of."""

import inspect
import itertools
from collections.abc import Callable

import tensorflow as tf

import tfp_cinc
from tfp_cinc.internal.choices import nearest_name
from training import flat
from training.averaging import WeightAverage
from training.errors import UserError
from training.flow_with_noise import full_precision

__all__ = [
  'build_flow',
  'make_log_prob',
  'make_train_step',
]


def build_flow(config, image_shape):
  """The flow that a configuration describes, not initialized yet.

  Args:
    config: the whole configuration.
    image_shape: [H, W, C].

  Returns:
    `tfd.TransformedDistribution` over images.

  Raises:
    UserError: if an argument is unknown or does not fit.
  """
  given = config.flow.to_dict().items()
  arguments = {key: value for key, value in given if value is not None}
  name = arguments.pop('name')
  if name not in tfp_cinc.models.__all__:
    raise UserError(
      f'config.flow.name is {name!r}; it must be one of '
      f'{sorted(tfp_cinc.models.__all__)}'
      f'{nearest_name(name, tfp_cinc.models.__all__)}.'
    )
  build = getattr(tfp_cinc.models, name)
  unknown = set(arguments) - set(inspect.signature(build).parameters)
  if unknown:
    raise UserError(
      f'config.flow has {sorted(unknown)}, which the flow {name!r} does not '
      'take.'
    )
  try:
    return build(image_shape, seed=config.seed, **arguments)
  except (TypeError, ValueError) as error:
    raise UserError(f'config.flow: {error}') from None


def make_train_step(
  flow,
  optimizer,
  workers,
  *,
  num_bits: int,
  clip_norm: float,
  compress: bool = False,
  global_batch: int | None = None,
  accumulate: int = 1,
  average: WeightAverage | None = None,
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
  """The function of one step of all workers.

  The loss is the mean over the images of all workers, each image with the same
  weight, whether or not the workers have equally many. A step whose loss or
  gradient is not finite on any worker leaves weights, optimizer and average as
  they are, on all of them: all look at the same means.

  Args:
    flow: what to train.
    optimizer: with its slots created.
    workers: `Workers`; where their number changes, make another step.
    num_bits: of a pixel.
    clip_norm: the largest norm of the gradient, 0 for no clipping.
    compress: whether gradients travel between workers as float16.
    global_batch: the images of a step over all workers; None where each worker
      has as many as this one.
    accumulate: into how many parts to cut a worker's images, to go through the
      flow one after the other: it takes the memory of one of them. There are
      fewer parts where the images are too few, and the last may be smaller.
    average: of the weights, to be kept up to date.

  Returns:
    A function of this worker's images [N, H, W, C], N static, and of a bool,
    whether it wishes to stop; it returns a dict of scalars: 'bits_per_dim' and
    'gradient_norm' (of the mean over all workers' images, before clipping),
    'skipped', and 'stop', whether any worker wishes to.
  """
  variables = list(flow.trainable_variables)

  def part_of_step(images, count, stop):
    """A part's gradient, its share of the loss and `stop`, as one vector."""
    with tf.GradientTape() as tape:
      bits_per_dim = tfp_cinc.bits_per_dim(
        flow.log_prob(images), flow.event_shape, num_bits
      )
      loss = tf.reduce_sum(bits_per_dim) / count
    gradients = tape.gradient(loss, variables, unconnected_gradients='zero')
    return flat.join([*gradients, loss, stop])

  def side_by_side(images, count, stop):
    """`part_of_step` of images whose parts go through the flow together."""
    number = min(workers.parallel, images.shape[0] or 1)
    if number == 1:
      return part_of_step(images, count, stop)
    # Traced once for parts of one size, which run at the same time.
    traced = tf.function(part_of_step, autograph=False)
    return tf.add_n(
      [
        traced(images[start:end], count, stop / number)
        for start, end in _bounds(images.shape[0], number)
      ]
    )

  def accumulated(images, count, stop):
    """`side_by_side` of images that go through the flow one after the other."""
    part = -(-images.shape[0] // accumulate)
    number = -(-images.shape[0] // part)
    if number == 1:
      return side_by_side(images, count, stop)

    def add(i, total):
      some = images[i * part : (i + 1) * part]
      if images.shape[0] % part == 0:
        some.set_shape([part, *images.shape[1:]])
      return i + 1, total + side_by_side(some, count, stop / number)

    length = sum(variable.shape.num_elements() for variable in variables) + 2
    # One at a time: the parts do not wait for each other by themselves.
    _, total = tf.while_loop(
      lambda i, _: i < number,
      add,
      [0, tf.zeros([length], variables[0].dtype)],
      parallel_iterations=1,
    )
    return total

  def mean_of_workers(vector):
    """In one reduction, if it can be: at each, all wait for the slowest."""
    if not compress:
      return workers.mean(vector)
    gradient, facts = tf.split(vector, [-1, 2])
    mean = tf.cast(workers.mean(tf.cast(gradient, tf.float16)), vector.dtype)
    return tf.concat([mean, workers.mean(facts)], axis=0)

  # Without autograph, which would look through the code of the whole flow.
  @tf.function(autograph=False)
  def train_step(images, stop):
    count = global_batch / workers.size if global_batch else images.shape[0]
    vector = accumulated(images, count, tf.cast(stop, images.dtype))
    if workers.size > 1:
      vector = mean_of_workers(vector)
    # Without a copy, as `tf.split` would make one.
    gradient, (loss, stop) = vector[:-2], tf.unstack(vector[-2:])
    norm = tf.linalg.global_norm([gradient])
    if clip_norm:
      (gradient,), _ = tf.clip_by_global_norm(
        [gradient], clip_norm, use_norm=norm
      )
    finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)

    def update():
      gradients = flat.split(gradient, variables)
      optimizer.apply_gradients(zip(gradients, variables, strict=True))
      if average is not None:
        average.update()
      return True

    tf.cond(finite, update, lambda: False)
    return {
      'bits_per_dim': loss,
      'gradient_norm': norm,
      'skipped': ~finite,
      'stop': stop > 0,
    }

  return train_step


def make_log_prob(flow, parallel: int = 1):
  """The compiled log-density of images, for evaluation, in full precision.

  Args:
    flow: the distribution, or a `FlowWithNoise`.
    parallel: into how many parts to cut the images, see `Workers`.

  Returns:
    A function of float [N, H, W, C] that returns [N], in nats.
  """
  exact = full_precision(flow)
  spec = tf.TensorSpec([None, *flow.event_shape], flow.dtype)

  @tf.function(input_signature=[spec], autograph=False)
  def of_part(images):
    return exact.log_prob(images)

  if parallel == 1:
    return of_part

  @tf.function(input_signature=[spec], autograph=False)
  def log_prob(images):
    number = tf.shape(images)[0]

    def in_parts():
      bounds = _bounds(number, parallel)
      return tf.concat([of_part(images[start:end]) for start, end in bounds], 0)

    # No part may be empty: convolutions of no images fail.
    return tf.cond(number < parallel, lambda: of_part(images), in_parts)

  return log_prob


def _bounds(length, number):
  """(start, end) of nearly equal parts of a range."""
  ends = [length * i // number for i in range(number + 1)]
  return list(itertools.pairwise(ends))
