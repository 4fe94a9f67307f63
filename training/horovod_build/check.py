"""Checks a build of Horovod: a program for two workers, run as a file."""

import horovod.tensorflow as horovod
import tensorflow as tf


def main():
  """Reduces, broadcasts and differentiates; fails if a result is wrong."""
  horovod.init()
  rank, size = horovod.rank(), horovod.size()
  assert size == 2, f'{size} workers, not 2'

  # The values of the workers are [1, 2] and [2, 3].
  values = tf.constant([1.0, 2.0]) + rank

  def total(values):
    return horovod.allreduce(values, op=horovod.Sum)

  for reduce in (total, tf.function(total)):
    tf.debugging.assert_equal(reduce(values), [3.0, 5.0])

  variable = tf.Variable(values)
  horovod.broadcast_variables([variable], root_rank=0)
  tf.debugging.assert_equal(variable, [1.0, 2.0])

  @tf.function
  def gradient():
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(values * variable)
    return horovod.DistributedGradientTape(tape).gradient(loss, [variable])

  tf.debugging.assert_near(gradient()[0], [1.5, 2.5])
  horovod.shutdown()


if __name__ == '__main__':
  main()
