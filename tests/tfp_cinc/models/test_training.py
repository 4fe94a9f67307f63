"""Each model learns the digits: what a flow is for, end to end."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits

import tfp_cinc
from tfp_cinc import models

pytestmark = pytest.mark.slow

STEPS = 200
NUM_BITS = 4

SMALL = {'levels': 2, 'depth': 1, 'hidden_channels': 16}

# Each model with the side of its digits and arguments that keep it small.
MODELS = {
  'autoregressive_conv': (8, SMALL),
  'cinc': (8, SMALL),
  'cinc_paper': (8, SMALL),
  'emerging': (8, SMALL),
  'ffjord': (4, {'hidden_channels': 16}),
  'glow': (8, SMALL),
  'iaf': (4, {'depth': 2, 'hidden_channels': 32}),
  'jet': (
    8,
    {'patch_size': 2, 'depth': 5, 'num_layers': 1, 'hidden_channels': 16},
  ),
  'maf': (8, {'depth': 2, 'hidden_channels': 64}),
  'nice': (8, {'hidden_channels': 64, 'num_layers': 2}),
  'periodic': (8, SMALL),
  'real_nvp': (8, {**SMALL, 'checkerboards': 2}),
  # Its inverse is a fixed point, of up to 1,000 iterations.
  'residual': (8, {'depth': 3, 'hidden_channels': 32}),
  'shift_conv': (8, SMALL),
  'tarflow': (8, {'depth': 2, 'num_layers': 1, 'hidden_channels': 32}),
}


def digits(side):
  """uint8 images [1797, side, side, 1]."""
  images = load_digits().images[..., np.newaxis]
  images = tf.nn.avg_pool2d(images, 8 // side, 8 // side, 'VALID')
  return 16 * np.minimum(images, 15).astype(np.uint8)


@pytest.mark.parametrize(
  'name', [n for n in models.MODELS if n != 'multiscale_flow']
)
def test_learns_samples_inverts_and_is_served(name, tmp_path):
  side, options = MODELS[name]
  shape = [side, side, 1]
  flow = getattr(models, name)(shape, seed=0, **options)
  pixels = digits(side)
  x = tfp_cinc.dequantize(pixels, NUM_BITS, seed=0)
  tfp_cinc.initialize_from_data(flow, x[:256])
  optimizer = tf_keras.optimizers.legacy.Adam(2e-3)
  variables = list(flow.trainable_variables)
  spec = tf.TensorSpec([None, *shape], tf.float32)

  @tf.function(input_signature=[spec], autograph=False)
  def step(images):
    with tf.GradientTape() as tape:
      log_prob = flow.log_prob(images)
      loss = tf.reduce_mean(tfp_cinc.bits_per_dim(log_prob, shape, NUM_BITS))
    gradients = tape.gradient(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 10.0)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  rng = np.random.default_rng(0)
  losses = []
  for _ in range(STEPS):
    losses.append(float(step(tf.gather(x, rng.integers(len(x), size=64)))))
  assert np.all(np.isfinite(losses))
  assert np.mean(losses[-20:]) < np.mean(losses[:5]) - 0.1

  images = tf.identity(x[:5])
  latents = flow.bijector.inverse(images)
  decoded = flow.bijector.forward(tf.identity(latents))
  assert np.max(np.abs(decoded - images)) < 1e-3

  tfp_cinc.export_saved_model(flow, tmp_path / 'model', shape, NUM_BITS)
  served = tf.saved_model.load(str(tmp_path / 'model')).signatures
  noise = tfp_cinc.saved_model.fixed_noise(shape)
  values = tfp_cinc.dequantize(pixels[:5], NUM_BITS, noise=noise)
  np.testing.assert_allclose(
    served['log_prob'](images=tf.constant(pixels[:5]))['log_prob'],
    flow.log_prob(values),
    rtol=1e-4,
  )
  samples = served['sample'](
    number=tf.constant(4),
    temperature=tf.constant(1.0),
    seed=tf.constant([0, 1]),
  )
  assert samples['images'].shape == [4, *shape]
  assert np.all(np.isfinite(samples['values']))
