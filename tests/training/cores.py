"""How a worker shares out its cores, printed; TensorFlow has not started."""

import tensorflow as tf

from training.distributed import Workers


def main():
  """Prints parts and threads of an operation, for some numbers of images."""
  for images in (None, lambda _: 8, lambda _: 64, lambda size: 32 // size):
    parallel = Workers(images).parallel
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    print(parallel, threads)


if __name__ == '__main__':
  main()
