"""What a run leaves at its end: figures, pictures and the exported flow."""

import numpy as np

import tfp_cinc
from training import evaluate, pictures, status, steps, workdir
from training.errors import UserError
from training.export import write_saved_model
from training.summaries import TEMPERATURES

__all__ = ['write']


def write(run) -> None:
  """Evaluates a run's flow by its averaged weights, writes all and tells it.

  Args:
    run: `Run`, of worker 0.

  Raises:
    UserError: if no test image has a finite density: nothing is written then.
  """
  with run.average.applied():
    metrics = _evaluate(run)
    if not metrics['finite_test_images']:
      raise UserError(
        f'at step {metrics["step"]} no test image has a finite density, so '
        'that nothing is exported; a run with a lower '
        'config.train.learning_rate may end better.'
      )
    _write_pictures(run, metrics)
    known = {key: _known(value) for key, value in metrics.items()}
    write_saved_model(run, run.folder / 'saved_model', metrics=known)
  workdir.write_json(run.folder / 'metrics.json', known)
  status.write_status(
    run.folder,
    step=metrics['step'],
    num_steps=run.config.train.num_steps,
    bits_per_dim=metrics['test_bits_per_dim'],
    images_per_second=metrics['images_per_second'],
    seconds_left=0.0,
    skipped_steps=metrics['skipped_steps'],
    workers=metrics['workers'],
    test_bits_per_dim=metrics['test_bits_per_dim'],
    ended=True,
  )
  folder, seconds = run.folder, metrics['training_seconds']
  learned = metrics['dequantization'] == 'variational'
  noise = ', variational noise' if learned else ''
  run.say(
    f"""
Test bits/dim {metrics['test_bits_per_dim']:.4f} +- \
{metrics['test_bits_per_dim_standard_error']:.4f} (standard error over \
{metrics['test_images']} images of {run.dataset.name}{noise}) after \
{metrics['step']} steps in {seconds / 60:.1f} minutes
Largest reconstruction error: {metrics['largest_reconstruction_error']:.1e}
In {folder}: samples.png, reconstructions.png, metrics.json, config.json,
  saved_model/ (needs TensorFlow alone), checkpoints/, tensorboard/
Next, with the environment active (. .venv/bin/activate):
  tensorboard --logdir {folder}/tensorboard
  python -m training sample {folder} --number 64 --temperature 0.7
  python -m training evaluate {folder} --noise_draws 32"""
  )


def _evaluate(run):
  """What goes to metrics.json, but for the reconstruction error."""
  settings, images = run.config.eval, run.dataset.test_images
  bits = evaluate.bits_per_dim(
    steps.make_log_prob(run.density, run.workers.parallel),
    images,
    num_bits=run.config.data.num_bits,
    draws=settings.noise_draws,
    batch_size=settings.batch_size,
  )
  seconds = float(run.seconds)
  error = np.std(bits) / np.sqrt(len(bits))
  return {
    'data': run.dataset.name,
    'step': int(run.step),
    'test_bits_per_dim': float(np.mean(bits)),
    'test_bits_per_dim_standard_error': float(error),
    'test_images': len(images),
    'finite_test_images': int(np.sum(np.isfinite(bits))),
    'noise_draws': settings.noise_draws,
    'dequantization': 'uniform' if run.density is run.flow else 'variational',
    'training_seconds': seconds,
    'images_per_second': int(run.examples) / max(seconds, 1e-9),
    'workers': run.workers.size,
    'skipped_steps': int(run.skipped),
    'parameters': tfp_cinc.math.parameter_count(run.flow),
  }


def _known(value):
  """None for a number that is not finite, which JSON has not."""
  is_float = isinstance(value, float)
  return None if is_float and not np.isfinite(value) else value


def _write_pictures(run, metrics):
  """Reconstructions, whose error goes to the metrics, and samples."""
  num_bits, images = run.config.data.num_bits, run.dataset.test_images
  chosen = images[:: max(1, len(images) // 10)][:10]
  decoded, largest = evaluate.reconstruct(run.flow, chosen, num_bits)
  metrics['largest_reconstruction_error'] = largest
  pictures.write_rows(
    run.folder / 'reconstructions.png',
    {'x': chosen, 'decode(encode(x))': decoded},
    f'Largest error {largest:.1e}; pixels lie {2.0**-num_bits:.1e} apart',
  )
  pictures.write_rows(
    run.folder / 'samples.png',
    {
      f'T = {temperature}': evaluate.sample(
        run.flow, 10, temperature=temperature, num_bits=num_bits
      )
      for temperature in TEMPERATURES
    },
    f'Samples at temperatures T after {int(run.step)} steps',
  )
