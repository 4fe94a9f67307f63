"""A flow while it is trained: ours, or a peer's, by the same rules.

All have the optimizer, the warm-up, the schedule, the clipping of gradients and
the moving average of weights that their configuration says; a step whose loss
or gradient is not finite changes nothing.
"""

import contextlib
import os

import numpy as np
import tensorflow as tf
import tf_keras

import tfp_cinc
from benchmarks import peers, per_pixel
from training import steps
from training.averaging import WeightAverage
from training.distributed import Workers
from training.flow_with_noise import build_density
from training.optimization import build_optimizer

__all__ = ['TrainedByTensorFlow', 'TrainedByTorch', 'build', 'start']


def start(model, config, samples: int = 0) -> Workers:
  """Shares out the cores: before TensorFlow's first operation, or not at all.

  Args:
    model: `Model`.
    config: its whole configuration.
    samples: how many images will be drawn, timed. They are drawn together, each
      operation on all cores, which are not shared out then.

  Returns:
    The one worker, which else cuts the images of ours into parts, as in a run.
  """
  if model.kind == 'ours' and not samples:
    return Workers(lambda _: config.train.batch_size)
  return Workers()


def build(model, config, workers: Workers, images: tf.Tensor):
  """A flow, initialized and about to be trained.

  Args:
    model: `Model`.
    config: its whole configuration.
    workers: of `start`.
    images: dequantized, [N, H, W, C], to initialize it from.

  Returns:
    `TrainedByTensorFlow` or `TrainedByTorch`, which have the same methods.
  """
  if model.kind == 'normflows Glow':
    return TrainedByTorch(config, images)
  tf.random.set_seed(config.seed)
  if model.kind == 'tfb.Glow':
    flow = peers.tfb_glow(images, config.flow.levels, config.flow.depth)
    # It takes no batch whose size is left open.
    log_prob = tf.function(flow.log_prob, autograph=False)
    return TrainedByTensorFlow(flow, flow, log_prob, config, workers)
  if config.train.deterministic:  # as in a run
    tf.config.experimental.enable_op_determinism()
  flow = steps.build_flow(config, images.shape[1:])
  tfp_cinc.initialize_from_data(flow, images)
  density = build_density(config, flow)
  return TrainedByTensorFlow(
    flow,
    density,
    steps.make_log_prob(density, workers.parallel),
    config,
    workers,
    model.solver,
  )


class TrainedByTensorFlow:
  """A distribution of TFP and the step of `training`.

  Attributes:
    parameters: how many numbers are trained.
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
    """Builds the step, which is traced at its first call.

    Args:
      flow: the distribution, to sample.
      density: what is trained: the flow, or a `FlowWithNoise` of it.
      log_prob: its compiled log-density in float32.
      config: the whole configuration.
      workers: this one.
      solver: see `Model`.
    """
    weights = list(density.trainable_variables)
    self._flow, self._solver = flow, solver
    self._rate = tf.Variable(0.0, trainable=False)
    optimizer = build_optimizer(config.train, density)
    optimizer.learning_rate = _VariableRate(self._rate)
    self._average = WeightAverage(weights, config.train.ema_decay)
    self._step = steps.make_train_step(
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
    """Takes a step of training.

    Args:
      images: dequantized, [N, H, W, C].
      rate: the learning rate.

    Returns:
      Whether loss and gradient were finite.
    """
    self._rate.assign(rate)
    return not bool(self._step(images, tf.constant(False))['skipped'])

  @contextlib.contextmanager
  def evaluating(self):
    """Within it weights are their averages; gives the log-density.

    Yields:
      A function of dequantized images [N, H, W, C] that returns [N], in
      float32.
    """
    with self._average.applied():
      yield self._log_prob

  @contextlib.contextmanager
  def sampling(self, number: int):
    """Within it weights are frozen; gives the sampler.

    Args:
      number: of images to draw at each call.

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
  """normflows' Glow, whose networks compute in bfloat16 while it trains.

  Attributes:
    parameters: as in `TrainedByTensorFlow`.
  """

  def __init__(self, config, images: tf.Tensor):
    """Builds and initializes it."""
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
    self._weights = [w for w in self._flow.parameters() if w.requires_grad]
    kinds = {'adam': torch.optim.Adam, 'adamax': torch.optim.Adamax}
    self._optimizer = kinds[config.train.optimizer](self._weights, eps=1e-7)
    self._averages = [w.detach().clone() for w in self._weights]
    self._count = 0
    self.parameters = sum(w.numel() for w in self._weights)

  def step(self, images: tf.Tensor, rate: float) -> bool:
    """As `TrainedByTensorFlow.step`."""
    torch, clip_norm = self._torch, self._config.clip_norm or np.inf
    self._optimizer.zero_grad()
    with torch.autocast('cpu', torch.bfloat16):
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
    # As `WeightAverage` does.
    rate = max(1 - self._config.ema_decay, 9 / (self._count + 9))
    with torch.no_grad():
      torch._foreach_lerp_(self._averages, self._weights, rate)
    self._count += 1
    return True

  @contextlib.contextmanager
  def evaluating(self):
    """As `TrainedByTensorFlow.evaluating`."""

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
    """As `TrainedByTensorFlow.sampling`, in bfloat16."""
    torch = self._torch

    def sample():
      with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
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
  """A learning rate that the loop sets."""

  def __init__(self, rate: tf.Variable):
    self._rate = rate

  def __call__(self, step):
    return self._rate.read_value()
