"""Times the signatures of an exported model, relative to the flow in Python.

python -m benchmarks.serving [OUT.json]
"""

import functools
import pathlib
import sys
import tempfile
import time

import tensorflow as tf

import tfp_cinc
from benchmarks import peers, report, timing

PRECISIONS = ('full', 'bfloat16')


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  flow = tfp_cinc.models.cinc(
    peers.IMAGE_SHAPE,
    levels=3,
    depth=4,
    hidden_channels=128,
    seed=0,
  )
  tfp_cinc.initialize_from_data(flow, peers.random_images(64))
  exported, sizes, models = {}, {}, {}
  with tempfile.TemporaryDirectory() as folder:
    for precision in PRECISIONS:
      path = pathlib.Path(folder, precision)
      start = time.perf_counter()
      tfp_cinc.export_saved_model(
        flow, path, peers.IMAGE_SHAPE, precision=precision
      )
      exported[precision] = time.perf_counter() - start
      sizes[precision] = sum(f.stat().st_size for f in path.rglob('*'))
      models[precision] = tf.saved_model.load(str(path))
  rows = []
  for name, functions in _calls(flow, models).items():
    seconds = timing.medians(functions, rounds=15, warmups=3)
    row = {'call': name, 'flow, seconds': seconds['flow']}
    for precision in PRECISIONS:
      row[f'SavedModel, {precision}'] = seconds[precision] / seconds['flow']
    rows.append(row)
  report.write(
    'SavedModel',
    'Times of the signatures of an exported model, relative to a `tf.function` '
    'of the flow in full precision. All take turns in one process. 32x32x3, '
    'L=3, D=4, 1x1 and 3x3 convolutions, 128 channels, medians of 15 calls. '
    f'Exporting in full precision took {exported["full"]:.1f} s and produced '
    f'{sizes["full"] / 2**20:.1f} MiB.',
    rows,
    out,
  )


def _calls(flow, models):
  """Returns call -> ('flow' or precision -> function to time)."""
  pixels = tfp_cinc.quantize(peers.random_images(100))
  temperature, seed = tf.constant(1.0), tf.constant([0, 0])
  exact = tfp_cinc.with_network_dtype(flow, 'float32')

  @tf.function(autograph=False)
  def sample(number, seed):
    return exact.sample(number, seed=seed)

  @tf.function(autograph=False)
  def log_prob(images):
    return exact.log_prob(tfp_cinc.dequantize(images, noise=0.5))

  def calls(function, name, **inputs):
    signatures = {
      precision: functools.partial(model.signatures[name], **inputs)
      for precision, model in models.items()
    }
    return {'flow': function, **signatures}

  result = {}
  for number in map(tf.constant, (1, 100)):
    result[f'sample, {number}'] = calls(
      functools.partial(sample, number, seed),
      'sample',
      number=number,
      temperature=temperature,
      seed=seed,
    )
  for number in (1, 100):
    images = pixels[:number]
    result[f'log_prob, {number}'] = calls(
      functools.partial(log_prob, images), 'log_prob', images=images
    )
  return result


if __name__ == '__main__':
  main(*sys.argv[1:])
