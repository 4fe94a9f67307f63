"""Fits a `FlowModel` on Horovod's workers, as a user of Keras writes it.

Run by `test_flow_model_workers` as `python -m tests.programs.flow_model_workers
OUT`. Each worker has different initial weights and different images.
"""

import sys

import horovod.tensorflow.keras as hvd
import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel

STEPS = 2
BATCH_SIZE = 8


def gather(variables):
  """Each worker's values as one row of [workers, n]."""
  values = [tf.reshape(tf.cast(v, tf.float32), [-1]) for v in variables]
  return hvd.allgather(tf.concat(values, 0).numpy()[np.newaxis]).numpy()


class Look(tf_keras.callbacks.Callback):
  """The flow's variables of all workers before the first step."""

  def on_train_begin(self, logs=None):
    self.variables = gather(self.model.flow.variables)


def main(out):
  """Writes what each worker had and has."""
  hvd.init()
  rank = hvd.rank()
  rng = np.random.default_rng(rank)
  dark = [0, 128][rank]  # worker 0's images are the darker ones
  shape = [STEPS * BATCH_SIZE, 4, 4, 1]
  images = rng.integers(dark, dark + 128, shape).astype(np.uint8)

  flow = models.cinc([4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=rank)
  results = {'first': gather(flow.variables)}
  model = FlowModel(flow)
  model.compile(hvd.DistributedOptimizer(tf_keras.optimizers.Adam(1e-3)))
  look = Look()
  callbacks = [
    hvd.callbacks.BroadcastGlobalVariablesCallback(0),
    hvd.callbacks.MetricAverageCallback(),
    hvd.callbacks.LearningRateWarmupCallback(1e-3, warmup_epochs=2),
    look,
  ]
  options = {'batch_size': BATCH_SIZE, 'verbose': 0}
  history = model.fit(images, epochs=2, callbacks=callbacks, **options)
  (act_norm,) = [m for m in flow.submodules if 'ActNorm' in type(m).__name__]
  results |= {
    'initialized': look.variables,
    'shift': act_norm.parameters['shift'],
    'fitted': gather(flow.variables),
    'slots': gather(model.optimizer.variables),
    'logs': hvd.allgather(np.array([history.history['bits_per_dim']])),
    'rate': model.optimizer.learning_rate.numpy(),
  }

  # As where worker 0 alone has loaded weights; and then a gradient of worker 1
  # is not finite in the last step.
  if rank == 1:
    for variable in flow.trainable_variables:
      variable.assign(tf.ones_like(variable))
  weights = np.ones(len(images), np.float32)
  weights[-1] = [1, np.inf][rank]
  history = model.fit(
    images, sample_weight=weights, shuffle=False, callbacks=look, **options
  )
  results |= {
    'shared': look.variables,
    'resumed': gather(flow.variables),
    'iterations': model.optimizer.iterations.numpy(),
    'losses': hvd.allgather(np.array(history.history['loss'])),
  }
  if rank == 0:
    np.savez(out, **{name: np.array(value) for name, value in results.items()})


if __name__ == '__main__':
  main(sys.argv[1])
