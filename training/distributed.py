"""Workers: Horovod's where its launcher started us, else this process alone."""

import os

import tensorflow as tf

__all__ = ['Workers']


class Workers:
  """The processes that train together; the only user of Horovod.

  Under `horovodrun` every process creates one. Elsewhere there is one worker
  and Horovod is not needed.

  Attributes:
    rank: number of this worker, from 0.
    size: how many there are.
    is_first: whether this is worker 0, which alone writes and prints.
  """

  def __init__(self):
    self._horovod = None
    self.rank, self.size, local_rank, local_size = 0, 1, 0, 1
    if 'HOROVOD_SIZE' in os.environ:
      # Between two reductions Horovod's threads wake as often as this; at its
      # default of 1 ms they take a tenth of a core that computes.
      os.environ.setdefault('HOROVOD_CYCLE_TIME', '10')
      import horovod.tensorflow as horovod

      horovod.init()
      self._horovod = horovod
      self.rank, self.size = horovod.rank(), horovod.size()
      local_rank, local_size = horovod.local_rank(), horovod.local_size()
    self.is_first = self.rank == 0
    _share_devices(local_rank, local_size)

  def gradient_tape(
    self, tape: tf.GradientTape, compress: bool = False
  ) -> tf.GradientTape:
    """A tape whose `gradient(loss, list)` is the mean over the workers.

    With `compress` gradients travel as float16.
    """
    if self._horovod is None:
      return tape
    compression = self._horovod.Compression
    # One group: all gradients are reduced together, in an order that is fixed.
    return self._horovod.DistributedGradientTape(
      tape,
      compression=compression.fp16 if compress else compression.none,
      num_groups=1,
    )

  def mean(self, tensor: tf.Tensor) -> tf.Tensor:
    """The mean of a tensor over the workers, the same bits on all of them."""
    if self._horovod is None:
      return tensor
    return self._horovod.allreduce(tensor, op=self._horovod.Average)

  def broadcast(self, variables: list[tf.Variable]) -> None:
    """Sets variables to what they are on worker 0."""
    if self._horovod is not None:
      self._horovod.broadcast_variables(variables, root_rank=0)

  def gather(self, tensor: tf.Tensor) -> tf.Tensor:
    """The workers' tensors one after the other along the first axis."""
    if self._horovod is None:
      return tensor
    return self._horovod.allgather(tensor)


def _share_devices(local_rank, local_size):
  """One GPU for each worker of a machine, or its share of the cores."""
  gpus = tf.config.list_physical_devices('GPU')
  if gpus:
    gpu = gpus[local_rank % len(gpus)]
    tf.config.set_visible_devices(gpu, 'GPU')
    tf.config.experimental.set_memory_growth(gpu, True)
  threads = max(1, len(os.sched_getaffinity(0)) // local_size)
  try:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
  except RuntimeError:
    pass  # TensorFlow has started already: a second run in one process
