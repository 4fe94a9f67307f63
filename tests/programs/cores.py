"""Prints how a worker divides its cores, in a process without TensorFlow yet.

Run by `test_workers` as `python -m tests.programs.cores`.
"""

import tensorflow as tf

from training.loop.workers import Workers


def main():
  """Prints parts and threads per operation, for several numbers of images."""
  for images in (None, lambda _: 8, lambda _: 64, lambda size: 32 // size):
    parallel = Workers(images).parallel
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    print(parallel, threads)


if __name__ == '__main__':
  main()
