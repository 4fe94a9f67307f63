"""How far the figures of a trained flow can be trusted.

The bits/dim of the same images with the same noise, computed in several ways,
and the round trip of each layer.
"""

import collections
import pathlib
import tempfile

import ml_collections
import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks.bits_per_dim.layer_errors import layer_errors
from benchmarks.bits_per_dim.page import table
from training import evaluate, steps
from training.export import write_saved_model
from training.flow_with_noise import full_precision
from training.run import load_run

__all__ = ['measure', 'section']

_FLOAT32 = 'the flow, float32'
_ROUND_TRIPS = 64  # images


def measure(folder: str, *, max_images: int = 0, noise_draws: int = 1) -> dict:
  """Computes the bits/dim of a run's test images in several ways.

  Its newest checkpoint is taken, by the averaged weights: as float32 through
  the flow and through the SavedModel that is exported of it; as float64; and,
  where the run's networks have another dtype, with networks that compute in it
  as they do in training. Of a `network_dtype` of 'auto' that is bfloat16, also
  where this processor would not take it. Learned noise is float32 in all ways.

  Args:
    folder: the run's workdir.
    max_images: the first so many test images are taken; 0 for all.
    noise_draws: of dequantization for each image.

  Returns:
    A dict that JSON can hold: what was measured on, and
    - 'densities': for each way, 'name', the mean 'bits_per_dim', and of its
      difference to the first way over images the 'mean', the 'error' of this
      mean, the 'deviation' and the 'largest' absolute value;
    - 'layers': the round trips, in the order from image to latent, 'name',
      'kind', 'largest_input', and 'float32' and 'float64' for the errors;
    - 'whole': the largest error of the whole flow's round trip, by dtype, and
      'changed_pixels' in float32.

  Raises:
    UserError: if there is no run, no checkpoint, or no data.
  """
  run = load_run(folder)
  run.average.apply()
  images = run.dataset.test_images[: max_images or None]
  double = _same_flow(run, dtype='float64', network_dtype=None)
  return {
    'folder': str(folder),
    'data': run.dataset.name,
    'step': int(run.step),
    'num_bits': run.config.data.num_bits,
    'num_images': len(images),
    'noise_draws': noise_draws,
    'densities': _densities(run, double, images, noise_draws),
    **_round_trips(run, double, images[:_ROUND_TRIPS]),
  }


def _densities(run, double, images, noise_draws):
  """The bits/dim of images in several ways, each compared with the first."""
  move = _noise(run)

  def bits_per_dim(log_prob):
    def with_noise(values):
      values, log_q = move(values)
      log_p = log_prob(values)
      return log_p - tf.cast(log_q, log_p.dtype)

    return evaluate.bits_per_dim(
      with_noise,
      images,
      num_bits=run.config.data.num_bits,
      draws=noise_draws,
      batch_size=run.config.eval.batch_size,
    )

  bits = {name: bits_per_dim(log_prob) for name, log_prob in _ways(run, double)}
  return [
    {'name': name, **_compared(values, bits[_FLOAT32])}
    for name, values in bits.items()
  ]


def _round_trips(run, double, images):
  """The errors of inverses, layer by layer and of the whole flow."""
  num_bits = run.config.data.num_bits
  middles = tfp_cinc.dequantize(images, num_bits, noise=0.5)
  of_layers = zip(
    layer_errors(run.flow, middles),
    layer_errors(double, tf.cast(middles, tf.float64)),
    strict=True,
  )
  decoded, error = evaluate.reconstruct(run.flow, images, num_bits)
  kept = tfp_cinc.quantize(middles, num_bits).numpy()
  return {
    'layers': [
      {
        'name': single.name,
        'kind': single.kind,
        'largest_input': single.largest_input,
        'float32': single.error,
        'float64': other.error,
      }
      for single, other in of_layers
    ],
    'whole': {
      'float32': error,
      'float64': evaluate.reconstruct(double, images, num_bits)[1],
      'changed_pixels': int(np.sum(decoded != kept)),
      'pixels': int(decoded.size),
    },
  }


def _noise(run):
  """A function of images that uniform noise made continuous.

  It returns what goes into the flow, float32 [N, H, W, C], and the log-density
  of learned noise, [N]; where none is learned, the images and 0.
  """
  if run.density is run.flow:
    return lambda values: (values, 0.0)

  exact = full_precision(run.density)
  return tf.function(exact.move, autograph=False, reduce_retracing=True)


def _ways(run, double):
  """(name, log-density of float32 values) for each way."""
  yield _FLOAT32, steps.make_log_prob(run.flow)
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'saved_model')
    write_saved_model(run, path)
    model = tf.saved_model.load(str(path))
    served = model.signatures['log_prob_values']
    yield (
      'the exported SavedModel, float32',
      lambda values: served(values=values)['log_prob'],
    )
  in_double = steps.make_log_prob(double)
  yield (
    'the flow, float64',
    lambda values: in_double(tf.cast(values, tf.float64)),
  )
  network_dtype = run.config.flow.get('network_dtype')
  if network_dtype in ('auto', 'bfloat16', 'float16'):
    if network_dtype == 'auto':
      network_dtype = 'bfloat16'
    half = _same_flow(run, network_dtype=network_dtype)
    yield (
      f'the flow, networks in {network_dtype}',
      tf.function(half.log_prob, autograph=False, reduce_retracing=True),
    )


def _same_flow(run, **arguments):
  """A flow of a run's weights, built with some other arguments."""
  values = run.config.to_dict()
  values['flow'] |= arguments
  config = ml_collections.ConfigDict(values)
  flow = steps.build_flow(config, run.dataset.image_shape)
  for new, old in zip(flow.variables, run.flow.variables, strict=True):
    new.assign(tf.cast(old, new.dtype))
  return flow


def _compared(values, first):
  difference = values - first
  return {
    'bits_per_dim': float(np.mean(values)),
    'mean': float(np.mean(difference)),
    'error': float(np.std(difference) / np.sqrt(len(difference))),
    'deviation': float(np.std(difference)),
    'largest': float(np.max(np.abs(difference))),
  }


def section(record: dict) -> str:
  """The section of the page.

  Args:
    record: of `Records`, with what `measure` returned as its 'result'.

  Returns:
    Markdown.
  """
  result = record['result']
  whole, bin_width = result['whole'], 2.0 ** -result['num_bits']
  draws = result['noise_draws']
  return f"""## How exact the figures are

The bits/dim of one trained flow computed in several ways, of the same images
with the same noise, and how exactly each of its layers can be undone. "Less
float32" is the mean difference over images to the first row, +- its standard
error; then that difference's standard deviation over images and its largest
absolute value.

`{record['command']}`

Data: {result['data']}, {result['num_images']} test images, {draws} noise draw\
{'s' if draws > 1 else ''} each. The flow after {result['step']:,} steps, by \
averaged weights. {record['machine']}, {record['date']}.

{_densities_table(result['densities'])}
Round trips of {min(result['num_images'], _ROUND_TRIPS)} images, each layer \
at its own input, the kinds in the order of their worst layer: the largest \
absolute errors of inverse(forward(x)). Bins of pixels are {bin_width:.1e} \
wide. Of {whole['pixels']:,} values {whole['changed_pixels']:,} come back \
through the whole flow in float32 as another pixel.

{_round_trips_table(result['layers'], whole)}"""


def _densities_table(densities):
  first, *others = densities
  lines = [[first['name'], f'{first["bits_per_dim"]:.6f}', '', '', '']]
  for row in others:
    lines.append(
      [
        row['name'],
        f'{row["bits_per_dim"]:.6f}',
        f'{row["mean"]:+.1e} +- {row["error"]:.1e}',
        f'{row["deviation"]:.1e}',
        f'{row["largest"]:.1e}',
      ]
    )
  columns = ['computed by', 'bits/dim', 'less float32', 'deviation', 'largest']
  return table(columns, lines)


def _round_trips_table(layers, whole):
  """A line for each kind of layer, and one for the whole flow."""
  kinds = collections.defaultdict(list)
  for layer in sorted(layers, key=lambda layer: -layer['float32']):
    kinds[layer['kind']].append(layer)
  lines = [
    [
      kind,
      f'{len(found)}',
      f'{found[0]["float32"]:.1e}',
      f'{max(layer["float64"] for layer in found):.1e}',
      found[0]['name'],
      f'{found[0]["largest_input"]:.1f}',
    ]
    for kind, found in kinds.items()  # the worst kind is met first
  ]
  numbers = [f'{whole["float32"]:.1e}', f'{whole["float64"]:.1e}']
  columns = ['layers', 'number', 'float32', 'float64', 'worst in float32']
  return table(
    [*columns, 'largest value there'],
    [*lines, ['the whole flow', '1', *numbers, '', '']],
  )
