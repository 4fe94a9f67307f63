"""Calls all signatures of an exported model from several threads at once.

python benchmarks/soak.py SAVED_MODEL [--threads 8] [--seconds 60 | --calls N]

It requires only TensorFlow and NumPy. Each output is compared bit by bit with
that of an earlier call from a single thread. The memory of the process is
recorded after these earlier calls, before the threads start, and then after
each tenth of the run.
"""

import argparse
import json
import pathlib
import threading
import time

import numpy as np
import tensorflow as tf

__all__ = ['main', 'make_requests', 'soak']


def make_requests(path) -> list[tuple[str, dict]]:
  """Returns calls of all signatures, with one image and with three.

  Args:
    path: Path of the SavedModel.

  Returns:
    A list of (name of the signature, inputs by name).
  """
  card = json.loads(pathlib.Path(path, 'model_card.json').read_text())
  rng = np.random.default_rng(0)
  given = {
    'number': 2,
    'temperature': 0.7,
    'seed': [1, 2],
    'steps': 3,
    'method': 'spherical',
    'strengths': [-1.0, 1.0],
    'attribute': [*card['attributes'], ''][0],
  }

  def value(name, dtype, shape):
    if name in given:
      return tf.constant(given[name], dtype)
    if dtype == 'string':
      images = rng.integers(0, 256, [*shape, *card['image_shape']], np.uint8)
      return tf.io.encode_png(images)
    if dtype == 'uint8':
      return tf.constant(rng.integers(0, 256, shape, np.uint8))
    return tf.constant(rng.uniform(-0.5, 0.5, shape), dtype)

  requests = []
  for number in (1, 3):
    for name, signature in card['signatures'].items():
      inputs = {
        key: value(
          key,
          spec['dtype'],
          [number if size == 'N' else size for size in spec['shape']],
        )
        for key, spec in signature['inputs'].items()
      }
      requests.append((name, inputs))
  return requests


def soak(path, threads: int, seconds: float = 0.0, calls: int = 0) -> dict:
  """Calls a model from several threads, for a time or a number of calls.

  Args:
    path: Path of the SavedModel.
    threads: Number of threads.
    seconds: Duration in seconds, used if `calls` is 0.
    calls: Number of calls per thread, or 0.

  Returns:
    A dict with 'calls', the total number of calls; 'different', a list of the
    signatures whose outputs differed from those of a single thread; and
    'memory', a list of values in MiB.
  """
  model = tf.saved_model.load(str(path))
  requests = make_requests(path)

  def ask(number):
    name, inputs = requests[number]
    outputs = model.signatures[name](**inputs)
    return {key: value.numpy() for key, value in outputs.items()}

  expected = [ask(number) for number in range(len(requests))]
  start = time.monotonic()
  made, different, errors = [0] * threads, [], []

  def progress():
    if calls:
      return sum(made) / (calls * threads)
    return (time.monotonic() - start) / seconds

  def work(thread):
    rng = np.random.default_rng(thread)
    try:
      while made[thread] < calls if calls else progress() < 1.0:
        number = int(rng.integers(len(requests)))
        answer = ask(number)
        if not _equal(answer, expected[number]):
          different.append(requests[number][0])
        made[thread] += 1
    except Exception as error:
      errors.append(error)

  workers = [threading.Thread(target=work, args=[i]) for i in range(threads)]
  memory = [_memory()]
  for worker in workers:
    worker.start()
  while len(memory) <= 10 and not errors:
    time.sleep(0.01)
    if progress() >= len(memory) / 10:
      memory.append(_memory())
  for worker in workers:
    worker.join()
  if errors:
    raise errors[0]
  return {'calls': sum(made), 'different': different, 'memory': memory}


def _equal(answer, expected):
  return answer.keys() == expected.keys() and all(
    np.array_equal(answer[key], expected[key]) for key in answer
  )


def _memory():
  """Returns the resident memory of the process in MiB."""
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith('VmRSS'):
      return round(int(line.split()[1]) / 1024)
  raise OSError('the system does not report the memory of the process')


def main():
  """Prints the result of `soak` as JSON; exits with 1 if outputs differ."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('path', metavar='SAVED_MODEL')
  parser.add_argument('--threads', type=int, default=8)
  parser.add_argument('--seconds', type=float, default=60.0)
  parser.add_argument('--calls', type=int, default=0)
  arguments = parser.parse_args()
  found = soak(**vars(arguments))
  print(json.dumps(found))
  raise SystemExit(bool(found['different']))


if __name__ == '__main__':
  main()
