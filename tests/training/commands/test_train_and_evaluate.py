"""The whole way of a user, from a folder of images to an exported model.

A reader who is new here can start with this test: it trains a tiny flow on PNG
files, looks at the run, resumes it, measures the flow, draws samples and
exports a model, with the same commands as a user at a terminal.
"""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from tests.programs.processes import TINY
from tests.training.png import read_png, write_png
from training import open_flow
from training.commands import main


@pytest.fixture
def tfp_cinc(capsys):
  """Runs a command, as `tfp-cinc ARGUMENTS` does; returns what it prints."""

  def run(*arguments):
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out

  return run


def test_train_and_evaluate(tfp_cinc, tmp_path):
  # 100 handwritten digits as 8x8 gray PNG files.
  images, run = tmp_path / 'my_images', tmp_path / 'run'
  for number, pixels in enumerate(load_digits().images[:100]):
    image = (15 * pixels).astype(np.uint8)[..., np.newaxis]
    write_png(images / f'{number}.png', image)

  # Train for six steps; 10 of the 100 images are held out for testing.
  train = (
    *('train', '--config', TINY, '--data', images, '--workdir', run),
    '--config.data.channels=1',
    '--config.train.deterministic=False',  # else it stays on for other tests
  )
  out = tfp_cinc(*train)
  assert 'my_images: 90 training images of shape 8 x 8 x 1.' in out
  assert 'after 6 steps' in out

  # Look at the run.
  out = tfp_cinc('status', run)
  assert f'{run}: ended\nstep 6 of 6 (100%)' in out
  assert 'newest checkpoint: step 6' in out

  # Resume it for two more steps.
  out = tfp_cinc(*train, '--config.train.num_steps=8')
  assert 'Resumed from step 6.' in out
  assert 'after 8 steps' in out

  # Measure bits/dim on the test images, with the noise of the run's end.
  metrics = json.loads((run / 'metrics.json').read_text())
  out = tfp_cinc('evaluate', run, '--noise-draws', 2)
  assert f'Test bits/dim {metrics["test_bits_per_dim"]:.4f} +- ' in out
  assert 'over 10 images of my_images, 2 noise draws each' in out

  # Draw samples: 3 rows of 3 images.
  picture = tmp_path / 'samples.png'
  arguments = ('--number', 9, '--temperature', 0.7, '--output', picture)
  assert f'Wrote {picture}' in tfp_cinc('sample', run, *arguments)
  assert read_png(picture).shape[0] > 3 * 96

  # The same from Python.
  flow = open_flow(run)
  assert flow.sample(9, temperature=0.7).shape == (9, 8, 8, 1)
  np.testing.assert_array_equal(
    flow.decode(flow.encode(flow.test_images)), flow.test_images
  )

  # Export the flow. The model needs neither the run nor our code.
  model = tmp_path / 'model'
  assert f'Wrote {model}' in tfp_cinc('export', run, '--output', model)
  expected = flow.encode(flow.test_images)
  shutil.rmtree(run)
  encode = tf.saved_model.load(str(model)).signatures['encode']
  latents = encode(images=tf.constant(flow.test_images))['latents']
  np.testing.assert_allclose(latents, expected, atol=1e-4)
