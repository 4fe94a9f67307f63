"""The results of a finished run: metrics, pictures and the SavedModel."""

import shlex

import numpy as np
import tensorflow as tf

import tfp_cinc

from ..errors import UserError
from ..run_folder import pictures, status
from ..run_folder.directions import run_directions
from ..run_folder.files import write_json
from . import evaluation
from .conditional.classification import bits_by_class, classify
from .conditional.density import given
from .conditional.samples import sample_rows
from .export import write_saved_model
from .run import Run
from .tensorboard import TEMPERATURES

__all__ = ['write']

_FEW_STEPS = 300  # samples of so few steps are noise
_TEMPERATURE = 0.7  # of samples given conditions


def write(run: Run) -> None:
  """Evaluates a run with its averaged weights and writes all results.

  Args:
    run: `Run` of worker 0.

  Raises:
    UserError: If no test image has a finite density; then nothing is written.
  """
  model, step = run.model, int(run.state.step)
  with model.average.applied():
    metrics = _evaluate(run)
    if not metrics['finite_test_images']:
      raise UserError(
        f'at step {step} no test image has a finite density, so nothing is '
        'exported; start another run with a lower config.train.learning_rate.'
      )
    _write_pictures(run, metrics)
    known = {key: _json_value(value) for key, value in metrics.items()}
    write_saved_model(
      model,
      run.folder / 'saved_model',
      folder=run.folder,
      data=run.dataset.facts,
      num_bits=run.config.data.num_bits,
      step=step,
      metrics=known,
      directions=run_directions(run.folder, model.flow, run.say),
    )
  write_json(run.folder / 'metrics.json', known)
  status.write_status(
    run.folder,
    step=step,
    num_steps=run.config.train.num_steps,
    seconds_left=0.0,
    skipped_steps=metrics['skipped_steps'],
    workers=metrics['workers'],
    ended=True,
  )
  run.say(_summary(run, metrics))


def _evaluate(run):
  """Returns the metrics without the reconstruction error."""
  model, state, settings = run.model, run.state, run.config.eval
  images = run.dataset.test_images
  log_prob = evaluation.make_log_prob(
    model.density, run.workers.parallel, model.condition
  )
  bits = evaluation.bits_per_dim(
    log_prob,
    images,
    num_bits=run.config.data.num_bits,
    draws=settings.noise_draws,
    batch_size=settings.batch_size,
    conditions=run.held_out_conditions(),
  )
  seconds = float(state.seconds)
  error = np.std(bits) / np.sqrt(len(bits))
  return {
    'data': run.dataset.name,
    'step': int(state.step),
    'test_bits_per_dim': float(np.mean(bits)),
    'test_bits_per_dim_standard_error': float(error),
    'test_images': len(images),
    'finite_test_images': int(np.sum(np.isfinite(bits))),
    'noise_draws': settings.noise_draws,
    'dequantization': 'uniform' if model.noise is None else 'variational',
    'training_noise': run.config.train.dequantization,
    'noise_scale': model.noise_scale,
    'training_seconds': seconds,
    # The mean over all training time, with tracing, evaluations and
    # checkpoints; the logs have the speed of the steps alone.
    'images_per_second': int(state.examples) / max(seconds, 1e-9),
    'workers': run.workers.size,
    'skipped_steps': int(state.skipped),
    'parameters': tfp_cinc.math.parameter_count(model.flow),
    **_metrics_of_condition(run, log_prob, bits),
  }


def _metrics_of_condition(run, log_prob, bits):
  """Returns the metrics that only conditional flows have."""
  condition = run.model.condition
  if condition is None:
    return {}
  metrics = {'condition': run.config.flow.condition}
  found = classify(run, log_prob)
  if found is not None:
    by_class = bits_by_class(
      bits, run.dataset.test_labels, condition.class_names
    )
    metrics['test_bits_per_dim_by_class'] = {
      name: _json_value(value) for name, value in by_class.items()
    }
    metrics['test_accuracy'] = found.accuracy
    metrics['test_accuracy_standard_error'] = found.standard_error
    metrics['classified_test_images'] = found.number
  return metrics


def _json_value(value):
  """Returns None for a float that is not finite, which JSON cannot hold."""
  is_float = isinstance(value, float)
  return None if is_float and not np.isfinite(value) else value


def _write_pictures(run, metrics):
  """Writes reconstructions, whose error goes to the metrics, and samples."""
  num_bits, images = run.config.data.num_bits, run.dataset.test_images
  conditions, flow = run.held_out_conditions(), run.model.flow
  places = range(0, len(images), max(1, len(images) // 10))[:10]
  chosen = images[list(places)]
  if conditions is not None:
    some = [conditions(slice(i, i + 1)) for i in places]
    flow = given(flow, tf.concat(some, 0))
  decoded, largest = evaluation.reconstruct(flow, chosen, num_bits)
  metrics['largest_reconstruction_error'] = largest
  pictures.write_rows(
    run.folder / 'reconstructions.png',
    {'x': chosen, 'decode(encode(x))': decoded},
    f'Largest error {largest:.1e}; the width of a bin is {2.0**-num_bits:.1e}',
  )
  step, noise_scale = int(run.state.step), run.model.noise_scale
  words = f'after {step} steps{", denoised" if noise_scale else ""}'
  if conditions is not None:
    samples = sample_rows(
      run.model.flow,
      run.model.condition,
      images,
      conditions,
      temperature=_TEMPERATURE,
      num_bits=num_bits,
      noise_scale=noise_scale,
    )
    pictures.write_rows(
      run.folder / 'samples.png',
      samples.rows,
      f'Samples at temperature {_TEMPERATURE:g} {words}',
      samples.columns,
    )
    return
  pictures.write_rows(
    run.folder / 'samples.png',
    {
      f'T = {temperature:g}': evaluation.sample(
        run.model.flow,
        # At T = 0 all samples are the same.
        10 if temperature else 1,
        temperature=temperature,
        num_bits=num_bits,
        noise_scale=noise_scale,
      )
      for temperature in TEMPERATURES
    },
    f'Samples at temperature T {words}',
  )


def _summary(run, metrics):
  folder, step = run.folder, metrics['step']
  quoted = shlex.quote(str(folder))
  noise = {
    'variational': ', variational noise',
    'gaussian': f', Gaussian training noise {metrics["noise_scale"]:g}',
  }.get(metrics['training_noise'], '')
  hint = ''
  train = run.config.train
  if step < _FEW_STEPS and not train.initial_weights:
    limit = 'num_steps' if step == train.num_steps else 'max_minutes'
    hint = f"""
After only {step} steps samples show nothing yet; resume with \
--config.train.{limit} larger than {train[limit]}."""
  condition = ''
  if 'condition' in metrics:
    condition = f' given the {metrics["condition"].replace("_", " ")}'
  accuracy = ''
  if 'test_accuracy' in metrics:
    accuracy = f"""
Most probable under their own label: {metrics['test_accuracy']:.1%} +- \
{metrics['test_accuracy_standard_error']:.1%} of \
{metrics['classified_test_images']} test images"""
  # The page has no way to give an image as the condition.
  has_page = run.model.condition is None or run.model.condition.takes_labels
  demo = f'\n  tfp-cinc demo {quoted}' if has_page else ''
  return f"""
Test bits/dim{condition} {metrics['test_bits_per_dim']:.4f} +- \
{metrics['test_bits_per_dim_standard_error']:.4f} (standard error over \
{metrics['test_images']} images of {run.dataset.name}{noise}) after \
{step} steps in {metrics['training_seconds'] / 60:.1f} minutes{accuracy}
Largest reconstruction error: {metrics['largest_reconstruction_error']:.1e}
In {folder}: samples.png, reconstructions.png, metrics.json, config.json,
  saved_model/ (needs only TensorFlow), checkpoints/, tensorboard/{hint}
Next, with the environment active (. .venv/bin/activate):
  tfp-cinc {_first_command(run.model.condition, quoted)}
  tfp-cinc reconstruct {quoted}
  tfp-cinc evaluate {quoted} --noise-draws 32{demo}
  tensorboard --logdir {quoted}/tensorboard"""


def _first_command(condition, folder):
  """Returns the command that draws samples, for a condition or None."""
  kind = '' if condition is None else condition.input.kind
  if kind in ('label', 'values'):
    name = shlex.quote((condition.label_names or ('0',))[0])
    return f'sample {folder} --condition {name} --temperature 0.7'
  return {
    '': f'sample {folder} --temperature 0.7',
    'low_resolution': f'upscale {folder} test:0',
    'mask': f'inpaint {folder} test:0 --mask MASK.png',
  }[kind]
