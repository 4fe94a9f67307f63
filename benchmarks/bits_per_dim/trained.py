"""Trains flows, ours and those of other libraries, by the same rules.

All use the optimizer, warm-up, schedule, gradient clipping and weight averaging
of their configuration. A step whose loss or gradient is not finite changes
nothing.
"""

import contextlib
import os

import numpy as np
import tensorflow as tf
import tf_keras

import tfp_cinc
from benchmarks import peers, per_pixel
from training.loop.evaluation import make_log_prob
from training.loop.model import build_model
from training.loop.optimization.averaging import WeightAverage
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

__all__ = ['TrainedByTensorFlow', 'TrainedByTorch', 'build', 'start']


def start(model, config, samples: int = 0) -> Workers:
  """Divides the cores between parts of a batch.

  Call it before the first operation of TensorFlow; later it has no effect.

  Args:
    model: A `Model`.
    config: The full configuration of the model.
    samples: Number of images to draw and time. If it is not 0, the cores are
      not divided, because the images are drawn together, each operation on all
      cores.

  Returns:
    The only worker. For our flows it splits the images of a step into parts, as
    in a training run.
  """
  if model.kind == 'ours' and not samples:
    return Workers(lambda _: config.train.batch_size)
  return Workers()


def build(model, config, workers: Workers, images: tf.Tensor):
  """Builds a flow for training and initializes it.

  Args:
    model: A `Model`.
    config: The full configuration of the model.
    workers: Result of `start`.
    images: Dequantized images [N, H, W, C] to initialize the flow from.

  Returns:
    A `TrainedByTensorFlow` or a `TrainedByTorch`, which have the same methods.
  """
  if model.kind == 'normflows Glow':
    return TrainedByTorch(config, images)
  if model.kind == 'tfb.Glow':
    tf.random.set_seed(config.seed)
    flow = peers.tfb_glow(images, config.flow.levels, config.flow.depth)
    # tfb.Glow does not support batches of unknown size.
    log_prob = tf.function(flow.log_prob, autograph=False)
    return TrainedByTensorFlow(flow, flow, log_prob, config, workers)
  if config.train.deterministic:  # as in a training run
    tf.config.experimental.enable_op_determinism()
  built = build_model(config, images.shape[1:])
  tfp_cinc.initialize_from_data(
    built.flow, images, noise_scale=built.noise_scale
  )
  return TrainedByTensorFlow(
    built.flow,
    built.density,
    make_log_prob(built.density, workers.parallel),
    config,
    workers,
    model.solver,
  )


class TrainedByTensorFlow:
  """A TFP distribution with the training step of `training`.

  Attributes:
    parameters: Number of trained parameters.
  """

  def __init__(
    self,
    flow,
    density,
    log_prob,
    config,
    workers: Workers,
    solver: str = 'own',
  ):
    """Builds the training step, which is traced at its first call.

    Args:
      flow: Distribution to sample from.
      density: Density to train: the flow, or a `FlowWithNoise` of it.
      log_prob: Compiled log-density of `density`, in float32.
      config: The full configuration.
      workers: The only worker.
      solver: Solver, see `Model`.
    """
    weights = list(density.trainable_variables)
    self._flow, self._solver = flow, solver
    self._rate = tf.Variable(0.0, trainable=False)
    rate = _VariableRate(self._rate)
    optimizer = build_optimizer(config.train, density, rate)
    self._average = WeightAverage(weights, config.train.ema_decay)
    self._step = make_train_step(
      density,
      optimizer,
      workers,
      num_bits=config.data.num_bits,
      clip_norm=config.train.clip_norm,
      accumulate=config.train.accumulate,
      average=self._average,
    )
    self._log_prob = log_prob
    self.parameters = sum(w.shape.num_elements() for w in weights)

  def step(self, images: tf.Tensor, rate: float) -> bool:
    """Takes a training step.

    Args:
      images: Dequantized images [N, H, W, C].
      rate: Learning rate.

    Returns:
      Whether the loss and the gradient were finite.
    """
    self._rate.assign(rate)
    return not bool(self._step(images, tf.constant(False))['skipped'])

  @contextlib.contextmanager
  def evaluating(self):
    """Returns a context in which the weights are their averages.

    Yields:
      The log-density, a function of dequantized images [N, H, W, C] that
      returns float32 [N].
    """
    with self._average.applied():
      yield self._log_prob

  @contextlib.contextmanager
  def sampling(self, number: int):
    """Returns a context in which the weights are frozen.

    Args:
      number: Number of images to draw at each call.

    Yields:
      A compiled function without arguments that returns images.
    """
    solver = contextlib.nullcontext()
    if self._solver == 'per_pixel':
      solver = per_pixel.solving_per_pixel()
    flow = tfp_cinc.freeze(self._flow)
    sample = tf.function(lambda: flow.sample(number), autograph=False)
    with solver:
      yield lambda: sample().numpy()


class TrainedByTorch:
  """normflows' Glow, whose networks may be trained in bfloat16.

  Attributes:
    parameters: Number of trained parameters.
  """

  def __init__(self, config, images: tf.Tensor):
    """Builds and initializes the flow.

    Args:
      config: The full configuration.
      images: Dequantized images [N, H, W, C] to initialize the flow from.
    """
    import torch

    torch.manual_seed(config.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    self._torch, self._config = torch, config.train
    flow = config.flow
    self._flow = peers.normflows_glow(
      images.shape[1:], flow.levels, flow.depth, flow.hidden_channels
    )
    with torch.no_grad():
      self._flow.log_prob(self._to_torch(images), None)
    dtype = flow.network_dtype or 'float32'
    self._autocast = lambda: torch.autocast(
      'cpu', torch.bfloat16, enabled=dtype == 'bfloat16'
    )
    self._weights = [w for w in self._flow.parameters() if w.requires_grad]
    kinds = {'adam': torch.optim.Adam, 'adamax': torch.optim.Adamax}
    self._optimizer = kinds[config.train.optimizer](self._weights, eps=1e-7)
    self._averages = [w.detach().clone() for w in self._weights]
    self._count = 0
    self.parameters = sum(w.numel() for w in self._weights)

  def step(self, images: tf.Tensor, rate: float) -> bool:
    """Takes a training step, see `TrainedByTensorFlow.step`."""
    torch, clip_norm = self._torch, self._config.clip_norm or np.inf
    self._optimizer.zero_grad()
    with self._autocast():
      log_prob = self._flow.log_prob(self._to_torch(images), None)
    size = np.prod(images.shape[1:]) * np.log(2.0)
    loss = -log_prob.mean() / size
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(self._weights, clip_norm)
    if not torch.isfinite(loss) or not torch.isfinite(norm):
      return False
    for group in self._optimizer.param_groups:
      group['lr'] = rate
    self._optimizer.step()
    # The same rate as in `WeightAverage`.
    rate = max(1 - self._config.ema_decay, 9 / (self._count + 9))
    with torch.no_grad():
      torch._foreach_lerp_(self._averages, self._weights, rate)
    self._count += 1
    return True

  @contextlib.contextmanager
  def evaluating(self):
    """Returns a context, see `TrainedByTensorFlow.evaluating`."""

    def log_prob(values):
      with self._torch.no_grad():
        found = self._flow.log_prob(self._to_torch(values), None)
      return tf.constant(found.numpy())

    weights = self._weights
    kept = [w.detach().clone() for w in weights]
    if self._config.ema_decay and self._count:
      self._assign(self._averages)
    try:
      yield log_prob
    finally:
      self._assign(kept)

  @contextlib.contextmanager
  def sampling(self, number: int):
    """Returns a context, see `TrainedByTensorFlow.sampling`."""

    def sample():
      with self._torch.no_grad(), self._autocast():
        return self._flow.sample(number)[0].numpy()

    yield sample

  def _assign(self, values):
    with self._torch.no_grad():
      for weight, value in zip(self._weights, values, strict=True):
        weight.copy_(value)

  def _to_torch(self, images):
    images = np.ascontiguousarray(np.moveaxis(images.numpy(), -1, 1))
    return self._torch.from_numpy(images)


class _VariableRate(tf_keras.optimizers.schedules.LearningRateSchedule):
  """A learning rate that is read from a variable."""

  def __init__(self, rate: tf.Variable):
    self._rate = rate

  def __call__(self, step):
    return self._rate.read_value()
