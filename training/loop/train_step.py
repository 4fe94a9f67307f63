"""The training step of all workers."""

import itertools
from collections.abc import Callable

import tensorflow as tf

import tfp_cinc

from .conditional.density import log_prob
from .optimization import flat_vector
from .optimization.averaging import WeightAverage

__all__ = ['make_train_step', 'part', 'part_bounds']


def make_train_step(
  density,
  optimizer,
  workers,
  *,
  num_bits: int,
  clip_norm: float,
  compress: bool = False,
  global_batch: int | None = None,
  accumulate: int = 1,
  average: WeightAverage | None = None,
) -> Callable[..., dict[str, tf.Tensor]]:
  """Returns the function that takes one step on all workers.

  The loss is the mean over the images of all workers, each image with the same
  weight, even if the workers have different numbers of images. If the loss or
  the gradient is not finite on any worker, the step leaves weights, optimizer
  and average unchanged on all workers: all of them see the same means.

  Args:
    density: The flow or `FlowWithNoise` to train.
    optimizer: Optimizer with its slots created.
    workers: `Workers`. If their number changes, make another step.
    num_bits: Bits per channel.
    clip_norm: Largest norm of the gradient; 0 for no clipping.
    compress: Whether workers exchange gradients as float16.
    global_batch: Images of a step over all workers; None if each worker has as
      many as this one.
    accumulate: Gradient accumulation steps. The images of a worker are cut into
      this many parts, or fewer if there are too few images, which go through
      the flow one after the other and need the memory of one part. The last
      part may be smaller.
    average: Moving average of the weights to update.

  Returns:
    A function of the batch of this worker and of a bool, whether this worker
    asks to stop. The batch is images [N, H, W, C] with static N, or a pair with
    their conditions. The function returns a dict of scalars: 'bits_per_dim' and
    'gradient_norm' (before clipping) of the images of all workers, 'skipped',
    and 'stop', whether any worker asks to stop.
  """
  variables = list(density.trainable_variables)

  def loss_and_gradient(batch, count):
    """Returns the gradient of part of a step and its loss, as one vector."""
    with tf.GradientTape() as tape:
      bits_per_dim = tfp_cinc.bits_per_dim(
        log_prob(density, batch), density.event_shape, num_bits
      )
      loss = tf.reduce_sum(bits_per_dim) / count
    gradients = tape.gradient(loss, variables, unconnected_gradients='zero')
    return flat_vector.join([*gradients, loss])

  def side_by_side(batch, count):
    """As `loss_and_gradient`, in parts that run at the same time."""
    length = _length(batch)
    number = min(workers.parallel, length or 1)
    if number == 1:
      return loss_and_gradient(batch, count)
    # One trace for all parts of the same size.
    traced = tf.function(loss_and_gradient, autograph=False)
    return tf.add_n(
      [
        traced(part(batch, start, end), count)
        for start, end in part_bounds(length, number)
      ]
    )

  def accumulated(batch, count):
    """As `side_by_side`, in parts that run one after the other."""
    size = -(-_length(batch) // accumulate)
    number = -(-_length(batch) // size)
    if number == 1:
      return side_by_side(batch, count)

    def add(i, total):
      some = part(batch, i * size, (i + 1) * size)
      if _length(batch) % size == 0:
        for tensor in tf.nest.flatten(some):
          tensor.set_shape([size, *tensor.shape[1:]])
      return i + 1, total + side_by_side(some, count)

    length = sum(variable.shape.num_elements() for variable in variables) + 1
    # Without the limit TensorFlow would run the parts at the same time.
    _, total = tf.while_loop(
      lambda i, _: i < number,
      add,
      [0, tf.zeros([length], variables[0].dtype)],
      parallel_iterations=1,
    )
    return total

  def mean_of_workers(gradient, scalars):
    # Each reduction makes all workers wait for each other.
    if not compress:
      mean = workers.mean(tf.concat([gradient, scalars], axis=0))
      return mean[:-2], mean[-2:]
    mean = workers.mean(tf.cast(gradient, tf.float16))
    return tf.cast(mean, gradient.dtype), workers.mean(scalars)

  # Without autograph, which would convert the code of the whole flow.
  @tf.function(autograph=False)
  def train_step(batch, stop):
    count = global_batch / workers.size if global_batch else _length(batch)
    vector = accumulated(batch, count)
    gradient, loss = vector[:-1], vector[-1]
    if workers.size > 1:
      scalars = tf.stack([loss, tf.cast(stop, loss.dtype)])
      gradient, scalars = mean_of_workers(gradient, scalars)
      loss, stop = scalars[0], scalars[1] > 0
    norm = tf.linalg.global_norm([gradient])
    if clip_norm:
      (gradient,), _ = tf.clip_by_global_norm(
        [gradient], clip_norm, use_norm=norm
      )
    finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)

    def update():
      gradients = flat_vector.split(gradient, variables)
      optimizer.apply_gradients(zip(gradients, variables, strict=True))
      if average is not None:
        average.update()
      return True

    tf.cond(finite, update, lambda: False)
    return {
      'bits_per_dim': loss,
      'gradient_norm': norm,
      'skipped': ~finite,
      'stop': stop,
    }

  return train_step


def part(batch, start, end):
  """Returns the images from `start` to `end` of a batch; see `log_prob`."""
  return tf.nest.map_structure(lambda tensor: tensor[start:end], batch)


def _length(batch):
  """Returns the static number of images of a batch."""
  return tf.nest.flatten(batch)[0].shape[0]


def part_bounds(length, number: int) -> list[tuple]:
  """Returns the (start, end) of `number` nearly equal parts of a range."""
  ends = [length * i // number for i in range(number + 1)]
  return list(itertools.pairwise(ends))
