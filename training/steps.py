"""The training step, the evaluation step and what they are made of."""

import inspect

import tensorflow as tf
import tf_keras

import tfp_cinc
from tfp_cinc.internal.choices import nearest_name
from training.errors import UserError

__all__ = [
  'build_flow',
  'build_optimizer',
  'learning_rates',
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


def build_optimizer(config, variables):
  """Adam with `learning_rates(config)`, its slots created.

  Args:
    config: the `train` part of a configuration.
    variables: what it will train.

  Returns:
    `tf_keras.optimizers.legacy.Adam`.
  """
  # The one with a kernel for each variable: the newer one builds its update out
  # of some 35 operations, which takes longer to trace than the whole flow.
  optimizer = tf_keras.optimizers.legacy.Adam(learning_rates(config))
  optimizer._create_all_weights(list(variables))
  return optimizer


def learning_rates(config):
  """The learning rate by step: a linear warm-up, then constant or a cosine.

  Args:
    config: the `train` part of a configuration.

  Returns:
    `tf_keras.optimizers.schedules.LearningRateSchedule`.

  Raises:
    UserError: if the schedule is unknown.
  """
  rate, warmup = config.learning_rate, config.warmup_steps
  schedules = tf_keras.optimizers.schedules
  if config.schedule == 'cosine':
    return schedules.CosineDecay(
      initial_learning_rate=rate / max(1, warmup),
      warmup_target=rate,
      warmup_steps=warmup,
      decay_steps=max(1, config.num_steps - warmup),
      alpha=0.01,
    )
  if config.schedule == 'constant':
    # From rate / warmup at the first step to rate, and then no further.
    return schedules.PolynomialDecay(
      initial_learning_rate=rate / max(1, warmup),
      decay_steps=max(1, warmup - 1),
      end_learning_rate=rate,
    )
  raise UserError(
    f"config.train.schedule is {config.schedule!r}; it must be 'constant' or "
    f"'cosine'{nearest_name(config.schedule, ['constant', 'cosine'])}."
  )


def make_train_step(
  flow, optimizer, workers, *, num_bits, clip_norm, compress=False
):
  """The function of one step of all workers.

  A step whose loss or gradient is not finite on any worker leaves weights and
  optimizer as they are, on all of them: all look at the same means.

  Args:
    flow: what to train.
    optimizer: with its slots created.
    workers: `Workers`.
    num_bits: of a pixel.
    clip_norm: the largest norm of the gradient, 0 for no clipping.
    compress: whether gradients travel between workers as float16.

  Returns:
    A function of this worker's images and of a bool, whether it wishes to stop;
    it returns a dict of scalars: 'bits_per_dim' and 'gradient_norm' (means over
    all workers), 'skipped', and 'stop', whether any worker wishes to.
  """
  variables = list(flow.trainable_variables)

  @tf.function
  def train_step(images, stop):
    with tf.GradientTape() as tape:
      bits_per_dim = tfp_cinc.bits_per_dim(
        flow.log_prob(images), flow.event_shape, num_bits
      )
      loss = tf.reduce_mean(bits_per_dim)
    tape = workers.gradient_tape(tape, compress)
    gradients = tape.gradient(loss, variables)
    norm = tf.linalg.global_norm(gradients)
    if clip_norm:
      gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    loss, stop = tf.unstack(
      workers.mean(tf.stack([loss, tf.cast(stop, loss.dtype)]))
    )
    finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
    if finite:
      optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return {
      'bits_per_dim': loss,
      'gradient_norm': norm,
      'skipped': ~finite,
      'stop': stop > 0,
    }

  return train_step


def make_log_prob(flow):
  """The compiled log-density of images, for evaluation, in full precision.

  Args:
    flow: the distribution.

  Returns:
    A function of float [N, H, W, C] that returns [N], in nats.
  """
  spec = tf.TensorSpec([None, *flow.event_shape], flow.dtype)

  @tf.function(input_signature=[spec], autograph=False)
  def log_prob(images):
    with tfp_cinc.full_precision():
      return flow.log_prob(images)

  return log_prob
