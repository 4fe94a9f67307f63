"""Workers: Horovod's where its launcher started us, else this process alone."""

import os
from collections.abc import Callable

import tensorflow as tf

from training.errors import UserError

__all__ = ['Workers']

_LEAST_IMAGES = 16  # of a part that has cores of its own


class Workers:
  """The processes that train together; the only user of Horovod.

  Under `horovodrun` every process creates one. Elsewhere there is one worker
  and Horovod is not needed. Under elastic Horovod (`--min-np`, a discovery
  script) workers may come and go within `run`, and the attributes change.

  Attributes:
    rank: number of this worker, from 0.
    size: how many there are.
    is_first: whether this is worker 0, which alone writes and prints.
    is_elastic: whether workers may come and go.
    parallel: into how many parts to cut the images of this one, to go through
      the flow at the same time, each on its share of the cores.
  """

  def __init__(self, images: Callable[[int], int] | None = None):
    """Starts Horovod where its launcher has started this process.

    Args:
      images: from the number of workers to how many images one of them has go
        through the flow at once; on many cores these are shared out, for one
        operation of few images cannot use them all. None to keep them together.
    """
    self._horovod = None
    self._state = None
    self.rank, self.size, local_rank, local_size = 0, 1, 0, 1
    self.is_elastic = os.environ.get('HOROVOD_ELASTIC') == '1'
    if 'HOROVOD_SIZE' in os.environ:
      # Between two reductions Horovod's threads wake as often as this; at its
      # default of 1 ms they take a tenth of a core that computes, and at 10 ms
      # a step waits that long.
      os.environ.setdefault('HOROVOD_CYCLE_TIME', '5')
      import horovod.tensorflow as horovod

      horovod.init()
      self._horovod = horovod
      self._read_ranks()
      local_rank, local_size = horovod.local_rank(), horovod.local_size()
    self.parallel = _share_devices(
      local_rank, local_size, images(self.size) if images else 0
    )

  @property
  def is_first(self) -> bool:
    """Whether this is worker 0."""
    return self.rank == 0

  def run(
    self, body: Callable[[], None], variables: Callable[[], list[tf.Variable]]
  ) -> None:
    """Runs `body` on all workers, from worker 0's values of the variables.

    Under elastic Horovod, where a worker is lost, `body` is called again on
    those that are left, from the values of the last `commit`; where one has
    joined, from the present values, at the next `commit`. Elsewhere a lost
    worker is a `UserError`.

    Args:
      body: what to run. It must not depend on `rank` and `size` from outside.
      variables: a function that returns all that the workers share.

    Raises:
      UserError: if another worker has ended and the run is not elastic.
    """
    if self._horovod is None:
      body()
      return
    from horovod.common import elastic
    from horovod.common.exceptions import HorovodInternalError

    def attempt(*_):
      try:
        body()
      except tf.errors.OpError as error:
        if 'orovod' in str(error):  # the name of an operation of Horovod's
          raise HorovodInternalError(str(error)) from None
        raise

    if self.is_elastic:
      self._state = _elastic_state(self, variables)
      elastic.run_fn(attempt, self._reset)(self._state)
      return
    try:
      self.broadcast(variables())
      attempt()
    except HorovodInternalError:
      raise UserError(
        'another worker has ended; the same command resumes from the newest '
        'checkpoint.'
      ) from None

  def commit(self) -> None:
    """Where `run` goes on from if a worker is lost; lets new ones join."""
    if self._state is not None:
      self._state.commit()

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

  def check_same(self, facts: dict[str, object]) -> None:
    """Raises `UserError` where the workers state different facts.

    Args:
      facts: name -> value, as of the configuration and of packages' versions.

    Raises:
      UserError: naming the first difference: on all workers, or in an elastic
        run on the one alone that differs from worker 0.
    """
    if self._horovod is None:
      return
    everyone = self._horovod.allgather_object(facts)
    for rank, theirs in enumerate(everyone):
      if theirs == everyone[0] or (self.is_elastic and rank != self.rank):
        continue
      for name in sorted(everyone[0].keys() | theirs.keys()):
        first, other = everyone[0].get(name), theirs.get(name)
        if first != other:
          raise UserError(
            f'worker {rank} has {name} {other!r} and worker 0 {first!r}; all '
            'workers need the same.'
          )

  def _read_ranks(self):
    self.rank, self.size = self._horovod.rank(), self._horovod.size()

  def _reset(self):
    self._horovod.shutdown()
    self._horovod.init()
    self._read_ranks()


def _elastic_state(workers, variables):
  """The variables' values as elastic Horovod keeps and shares them."""
  import horovod.tensorflow as horovod
  from horovod.common import elastic

  class State(elastic.State):
    def __init__(self):
      super().__init__(horovod.broadcast_object, horovod.rank)
      self.save()

    def save(self):
      self._values = [tf.identity(variable) for variable in variables()]

    def restore(self):
      for variable, value in zip(variables(), self._values, strict=True):
        variable.assign(value)

    def sync(self):
      workers.broadcast(variables())
      self.save()

  return State()


def _share_devices(local_rank, local_size, images):
  """One GPU for each worker of a machine, or its share of the cores.

  Returns:
    `Workers.parallel`.
  """
  gpus = tf.config.list_physical_devices('GPU')
  if gpus:
    gpu = gpus[local_rank % len(gpus)]
    tf.config.set_visible_devices(gpu, 'GPU')
    tf.config.experimental.set_memory_growth(gpu, True)
    images = 0
  threads = max(1, len(os.sched_getaffinity(0)) // local_size)
  parallel = max(1, min(threads, images // _LEAST_IMAGES))
  try:
    tf.config.threading.set_intra_op_parallelism_threads(threads // parallel)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
  except RuntimeError:
    return 1  # TensorFlow has started already: a second run in one process
  return parallel
