"""Measures how exact the bits/dim of a trained flow are.

Computes the bits/dim of the same images with the same noise in several ways,
and the round-trip error of each layer.
"""

import collections
import pathlib
import tempfile

import ml_collections
import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks.bits_per_dim.exactness.layer_errors import layer_errors
from benchmarks.bits_per_dim.results_page.page import table
from training.data.load import load_dataset
from training.errors import UserError
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.export import write_saved_model
from training.loop.flow_with_noise import full_precision
from training.loop.model import build_flow
from training.trained.from_run import restore_run

__all__ = ['measure', 'section']

_FLOAT32 = 'the flow, float32'
_ROUND_TRIPS = 64  # images


def measure(folder: str, *, max_images: int = 0, noise_draws: int = 1) -> dict:
  """Computes the bits/dim of a run's test images in several ways.

  Uses the averaged weights of the run's newest checkpoint. The ways are: the
  flow in float32; the SavedModel exported from it, in float32; the flow in
  float64; and, if the run's networks have another dtype, the flow with networks
  in that dtype, as in training. A `network_dtype` of 'auto' counts as bfloat16,
  even if this processor does not support it. Learned noise is always computed
  in float32.

  Args:
    folder: The run's workdir.
    max_images: Number of test images to use, or 0 for all.
    noise_draws: Number of draws of the dequantization noise for each image.

  Returns:
    A dict that can be written as JSON. It describes the data and contains
    - 'densities': for each way, its 'name', the mean 'bits_per_dim', and for
      the difference from the first way over images, the 'mean', the standard
      'error' of this mean, the standard 'deviation' and the 'largest' absolute
      value;
    - 'layers': for each layer, from image to latent, the 'name', the 'kind',
      the 'largest_input', and the round-trip errors in 'float32' and 'float64';
    - 'whole': the largest round-trip errors of the whole flow in 'float32' and
      'float64', and the number of 'changed_pixels' in float32.

  Raises:
    UserError: If the folder holds no run or no checkpoint, if its flow is
      conditional, or if the data is missing.
  """
  run = restore_run(folder)
  if run.model.condition is not None:
    raise UserError(f'{folder} holds a conditional flow; name another run.')
  images = load_dataset(run.config.data).test_images[: max_images or None]
  double = _same_flow(run, dtype='float64', network_dtype=None)
  return {
    'folder': str(folder),
    'data': run.data.name,
    'step': run.step,
    'num_bits': run.config.data.num_bits,
    'num_images': len(images),
    'noise_draws': noise_draws,
    'densities': _densities(run, double, images, noise_draws),
    **_round_trips(run, double, images[:_ROUND_TRIPS]),
  }


def _densities(run, double, images, noise_draws):
  """Returns the bits/dim in several ways, each compared with the first."""
  move = _noise(run)

  def bits_per_dim(log_prob):
    def with_noise(values):
      values, log_q = move(values)
      log_p = log_prob(values)
      return log_p - tf.cast(log_q, log_p.dtype)

    return evaluation.bits_per_dim(
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
  """Returns the round-trip errors of each layer and of the whole flow."""
  num_bits = run.config.data.num_bits
  middles = tfp_cinc.dequantize(images, num_bits, noise=0.5)
  of_layers = zip(
    layer_errors(run.model.flow, middles),
    layer_errors(double, tf.cast(middles, tf.float64)),
    strict=True,
  )
  decoded, error = evaluation.reconstruct(run.model.flow, images, num_bits)
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
      'float64': evaluation.reconstruct(double, images, num_bits)[1],
      'changed_pixels': int(np.sum(decoded != kept)),
      'pixels': int(decoded.size),
    },
  }


def _noise(run):
  """Returns a function of images that are dequantized with uniform noise.

  The function returns the input of the flow, float32 [N, H, W, C], and the
  log-density of the learned noise, [N]. Without learned noise these are the
  images and 0.
  """
  if run.model.noise is None:
    return lambda values: (values, 0.0)

  exact = full_precision(run.model.density)
  return tf.function(exact.move, autograph=False, reduce_retracing=True)


def _ways(run, double):
  """Yields (name, log-density as a function of float32 values) for each way."""
  yield _FLOAT32, make_log_prob(run.model.flow)
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'saved_model')
    write_saved_model(
      run.model,
      path,
      folder=run.folder,
      data=run.data,
      num_bits=run.config.data.num_bits,
      step=run.step,
    )
    model = tf.saved_model.load(str(path))
    served = model.signatures['log_prob_values']
    yield (
      'the exported SavedModel, float32',
      lambda values: served(values=values)['log_prob'],
    )
  in_double = make_log_prob(double)
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
  """Returns a flow with a run's weights and some other arguments."""
  values = run.config.to_dict()
  values['flow'] |= arguments
  config = ml_collections.ConfigDict(values)
  flow = build_flow(config, run.data.image_shape)
  for new, old in zip(flow.variables, run.model.flow.variables, strict=True):
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
  """Returns the section of the page.

  Args:
    record: A record whose 'result' was returned by `measure`.

  Returns:
    Markdown.
  """
  result = record['result']
  whole, bin_width = result['whole'], 2.0 ** -result['num_bits']
  draws = result['noise_draws']
  return f"""## How exact the figures are

The bits/dim of one trained flow are computed in several ways, for the same
images with the same noise, and the round-trip error of each of its layers is
measured. "Difference" is the mean difference from the first row over images,
+- one standard error; the next columns are the standard deviation of this
difference over images and its largest absolute value.

`{record['command']}`

Data: {result['data']}, {result['num_images']} test images, {draws} noise draw\
{'s' if draws > 1 else ''} per image. The flow has its averaged weights after \
{result['step']:,} steps. {record['machine']}, {record['date']}.

{_densities_table(result['densities'])}
The next table lists the largest absolute errors of inverse(forward(x)) for \
{min(result['num_images'], _ROUND_TRIPS)} images. Each layer is tested on its \
own input within the flow; kinds of layers are sorted by their worst layer. A \
pixel bin is {bin_width:.1e} wide. After a round trip through the whole flow \
in float32, {whole['changed_pixels']:,} of {whole['pixels']:,} pixel values \
have changed.

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
  columns = ['computed with', 'bits/dim', 'difference', 'deviation', 'largest']
  return table(columns, lines)


def _round_trips_table(layers, whole):
  """Returns a table with a row for each kind of layer and the whole flow."""
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
    for kind, found in kinds.items()  # sorted by the worst layer
  ]
  numbers = [f'{whole["float32"]:.1e}', f'{whole["float64"]:.1e}']
  columns = ['layers', 'number', 'float32', 'float64', 'worst in float32']
  return table(
    [*columns, 'its largest input'],
    [*lines, ['the whole flow', '1', *numbers, '', '']],
  )
