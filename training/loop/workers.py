"""The workers of a run: those of Horovod, or only this process."""

import os
from collections.abc import Callable

import tensorflow as tf

from ..errors import UserError

__all__ = ['Workers']

_LEAST_IMAGES = 16  # images of a part that runs on its own cores


class Workers:
  """The processes that train together. Only this class uses Horovod.

  Under `horovodrun` each process creates an instance. Otherwise there is one
  worker, and Horovod is not needed. Under elastic Horovod (`--min-np`, a
  discovery script) workers may join and leave within `run`, and the attributes
  change.

  Attributes:
    rank: Rank of this worker, from 0.
    size: Number of workers.
    is_first: Whether this is worker 0. Only worker 0 writes and prints.
    is_elastic: Whether workers may join and leave.
    parallel: Number of parts of the images of this worker that go through the
      flow at the same time, each on its share of the cores.
  """

  def __init__(self, images: Callable[[int], int] | None = None):
    """Starts Horovod if its launcher started this process.

    Args:
      images: Function from the number of workers to the number of images that
        go through the flow of one worker at once. On many cores they are cut
        into parts, because one operation on few images cannot use all cores.
        None does not cut them.
    """
    self._horovod = None
    self._state = None
    self.rank, self.size, local_rank, local_size = 0, 1, 0, 1
    self.is_elastic = os.environ.get('HOROVOD_ELASTIC') == '1'
    if 'HOROVOD_SIZE' in os.environ:
      # The period in ms at which Horovod's threads wake up between two
      # reductions. At the default of 1 ms they use a tenth of a core; at 5 ms
      # a reduction takes twice as long.
      os.environ.setdefault('HOROVOD_CYCLE_TIME', '2')
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
    """Runs `body` on all workers, with the variables of worker 0.

    Under elastic Horovod, `body` is called again if the workers change. After
    the loss of a worker, the remaining ones start from the values of the last
    `commit`. A new worker joins at the next `commit`, and all start from the
    present values. In other runs a lost worker is a `UserError`.

    Args:
      body: Function to run. It must read `rank` and `size` inside the call,
        because they may change.
      variables: Function that returns all variables that the workers share.

    Raises:
      UserError: If another worker has ended and the run is not elastic.
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
        if 'orovod' in str(error):  # the name of a Horovod operation
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
    """Saves the values to return to if a worker is lost; lets others join."""
    if self._state is not None:
      self._state.commit()

  def mean(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns the mean of a tensor over the workers, identical on all."""
    if self._horovod is None:
      return tensor
    return self._horovod.allreduce(tensor, op=self._horovod.Average)

  def any(self, value: bool) -> bool:
    """Returns whether a value is true on any worker."""
    return float(self.mean(tf.constant(float(value)))) > 0

  def broadcast(self, variables: list[tf.Variable]) -> None:
    """Sets variables to their values on worker 0."""
    if self._horovod is not None:
      self._horovod.broadcast_variables(variables, root_rank=0)

  def gather(self, tensor: tf.Tensor) -> tf.Tensor:
    """Returns the tensors of all workers, concatenated along the first axis."""
    if self._horovod is None:
      return tensor
    return self._horovod.allgather(tensor)

  def check_same(self, facts: dict[str, object]) -> None:
    """Raises `UserError` if the workers have different facts.

    Args:
      facts: Values by name, such as configuration values and package versions.

    Raises:
      UserError: Naming the first difference. All workers raise it; in an
        elastic run only the worker that differs from worker 0 does.
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
            f'worker {rank} has {name} {other!r}, but worker 0 has {first!r}; '
            'all workers need the same value.'
          )

  def _read_ranks(self):
    self.rank, self.size = self._horovod.rank(), self._horovod.size()

  def _reset(self):
    self._horovod.shutdown()
    self._horovod.init()
    self._read_ranks()


def _elastic_state(workers, variables):
  """Returns the state of elastic Horovod that holds the variables."""
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
  """Assigns to a worker one GPU of the machine, or its share of the cores.

  Args:
    local_rank: Rank of the worker among those of the machine.
    local_size: Number of workers of the machine.
    images: Number of images that go through the flow at once; 0 does not cut
      them into parts.

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
    return 1  # TensorFlow has already started, for another run in this process
  return parallel
