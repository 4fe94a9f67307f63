"""Optimizers and strategies of a `FlowModel`, of any kind."""

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc.flow_model.keras_3 import (
  check_keras_3_optimizer,
  check_no_class,
  is_keras_3,
)
from tfp_cinc.internal import tfp_compat

__all__ = [
  'check_found',
  'check_optimizer',
  'check_strategy',
  'compute_gradients',
  'create_slots',
  'horovod_of',
  'update_if_finite',
]

_LEGACY = tf_keras.optimizers.legacy.Optimizer
# Options that an optimizer of Keras 3 applies in each replica.
_PER_REPLICA_OPTIONS = (
  'clipnorm',
  'clipvalue',
  'global_clipnorm',
  'gradient_accumulation_steps',
)


def check_optimizer(optimizer) -> None:
  """Raises `ValueError` for anything but an optimizer that works.

  Args:
    optimizer: Optimizer of `tf_keras` or Keras 3, or the name or configuration
      of one of `tf_keras`.
  """
  check_no_class(optimizer, 'optimizer')
  if is_keras_3(optimizer):
    check_keras_3_optimizer(optimizer)
  elif not isinstance(
    optimizer, str | dict | tf_keras.optimizers.Optimizer | _LEGACY
  ):
    kind = type(optimizer)
    raise ValueError(
      f'the optimizer is a {kind.__module__}.{kind.__name__}; it must be one '
      'of `keras.optimizers` or `tf_keras.optimizers`, or a name.'
    )
  inner = getattr(optimizer, 'inner_optimizer', optimizer)  # of a loss scale
  is_legacy = isinstance(inner, _LEGACY)
  hyper = inner._hyper if is_legacy else getattr(inner, '__dict__', {})
  rate = hyper.get('learning_rate', hyper.get('_learning_rate'))
  if is_keras_3(inner):
    ours, other = 'keras', 'tf_keras'
    schedules = tf_keras.optimizers.schedules
    is_wrong = isinstance(rate, schedules.LearningRateSchedule)
  else:
    ours, other = 'tf_keras', 'keras'
    is_wrong = is_keras_3(rate)
  if is_wrong:
    raise ValueError(
      f'the learning rate of {ours}.optimizers.{type(inner).__name__} is a '
      f'schedule of `{other}`; use one of `{ours}.optimizers.schedules`.'
    )


def check_strategy(flow, optimizer, strategy) -> None:
  """Raises `ValueError` if a strategy of `tf.distribute` cannot be used.

  Args:
    flow: Flow of the model.
    optimizer: Checked optimizer.
    strategy: Strategy in whose scope the model was created.
  """
  kinds = tf.distribute.MirroredStrategy, tf.distribute.OneDeviceStrategy
  with strategy.scope():
    is_default = not tf.distribute.has_strategy()
  if not is_default and not isinstance(strategy, kinds):
    raise ValueError(
      f'a FlowModel does not support {type(strategy).__name__}; use '
      "`tf.distribute.MirroredStrategy` on one machine, or Horovod's "
      '`DistributedOptimizer` on several.'
    )
  inner = getattr(optimizer, 'inner_optimizer', optimizer)  # of a loss scale
  if is_keras_3(inner) and strategy.num_replicas_in_sync > 1:
    for option in _PER_REPLICA_OPTIONS:
      if getattr(inner, option, None):
        raise ValueError(
          f'`{option}` of keras.optimizers.{type(inner).__name__} applies to '
          'the gradients of each replica, not to their sum; use an optimizer '
          'of `tf_keras` with a strategy of several replicas.'
        )
  variables = {'flow': flow.variables}
  if hasattr(optimizer, 'build'):  # a legacy one has none before
    variables['optimizer'] = map(tfp_compat.unwrapped, optimizer.variables)
  for what, created in variables.items():
    if not all(map(strategy.extended.variable_created_in_scope, created)):
      raise ValueError(
        f'the {what} was not created with the strategy of its FlowModel; '
        'create the flow, the optimizer and the model in one '
        '`with strategy.scope():`.'
      )


def create_slots(optimizer, variables) -> None:
  """Creates the state of an optimizer for variables, such as Adam's moments."""
  if not hasattr(optimizer, 'build'):  # a legacy optimizer
    optimizer._create_all_weights(variables)
  elif not (is_keras_3(optimizer) and optimizer.built):
    optimizer.build(variables)


def check_found(tape, variables) -> None:
  """Raises `ValueError` if a Variable would not be trained.

  Args:
    tape: Tape that recorded the loss.
    variables: Variables that are trained.
  """
  # Those of a strategy and of Keras' mixed precision are wrappers.
  known = {id(variable.handle) for variable in variables}
  for variable in tape.watched_variables():
    if id(variable.handle) not in known:
      raise ValueError(
        f'the flow reads {variable.name}, which is not among its Variables and '
        'would be neither trained nor saved; pass a network as a `tf.Module` '
        'or Keras model, not as a function that calls one.'
      )


def compute_gradients(optimizer, loss, variables, tape):
  """Returns the gradient of a loss, as the optimizer computes it.

  Args:
    optimizer: Optimizer of `tf_keras` or Keras 3, or Horovod's wrapper of one
      of `tf_keras`.
    loss: `Tensor` [].
    variables: Variables with respect to which the loss is differentiated.
    tape: Tape that recorded the loss.

  Returns:
    Pairs (gradient or None, variable). With Horovod the gradients are the means
    over all workers. With a strategy they are those of one replica. Keras 3
    removes its loss scale only when it applies them.
  """
  if is_keras_3(optimizer):
    with tape:
      loss = optimizer.scale_loss(loss)
    gradients = tape.gradient(loss, variables)
    return list(zip(gradients, variables, strict=True))
  # A legacy optimizer has the same method under a private name.
  compute = getattr(optimizer, 'compute_gradients', None)
  compute = compute or optimizer._compute_gradients
  return compute(loss, variables, tape=tape)


def update_if_finite(optimizer, gradients) -> tf.Tensor:
  """Updates the variables if all gradients are finite on all replicas.

  Args:
    optimizer: Optimizer.
    gradients: Pairs of `compute_gradients`. The optimizer adds those of all
      replicas.

  Returns:
    Whether the variables were updated, bool `Tensor` [].
  """
  gradients, variables = zip(*gradients, strict=True)
  finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
  finite = tf.cast(finite, tf.float32)

  def apply(gradients):
    optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))

  # An optimizer cannot update the Variables of a strategy from a branch of a
  # replica. So all replicas leave their own step, choose the branch together,
  # and continue within it. Without a strategy these are plain calls.
  def update(strategy, finite, gradients):
    everywhere = strategy.reduce('MEAN', finite, axis=None) == 1.0

    def take():
      strategy.extended.call_for_each_replica(apply, args=(gradients,))
      return True

    def skip():
      _lower_loss_scale(optimizer)
      return False

    tf.cond(everywhere, take, skip)
    return everywhere

  context = tf.distribute.get_replica_context()
  return context.merge_call(update, args=(finite, gradients))


def horovod_of(optimizer):
  """Returns the Horovod module if the optimizer is from Horovod, else None."""
  inner = getattr(optimizer, 'inner_optimizer', optimizer)  # of a loss scale
  if not hasattr(inner, '_allreduce_grads'):
    return None
  import horovod.tensorflow as horovod

  return horovod


def _lower_loss_scale(optimizer):
  """Lowers the scale of a dynamic `LossScaleOptimizer` after an overflow.

  It does so itself only when it applies gradients, which can also count a step.
  Nothing happens to other optimizers.
  """
  kind = tf_keras.mixed_precision.LossScaleOptimizer
  if isinstance(optimizer, kind) and optimizer.dynamic:
    optimizer._loss_scale.update([tf.constant(np.nan)])
  elif hasattr(optimizer, 'dynamic_scale'):  # of Keras 3
    optimizer.step_counter.assign(0)
    optimizer.dynamic_scale.assign(optimizer.dynamic_scale * 0.5)
