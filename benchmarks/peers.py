"""The flows that benchmarks compare: ours and TFP's own `tfb.Glow`."""

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc

__all__ = ['ours', 'tfb_glow', 'train_step']

tfb, tfd = tfp.bijectors, tfp.distributions

IMAGE_SHAPE = (32, 32, 3)
LEVELS = 3


def ours(model='cinc', images=None, **options) -> tfd.Distribution:
  """One of our presets at L=3, 512 channels, initialized on some images."""
  options = {'coupling': 'affine', 'depth': 4, **options}
  flow = getattr(tfp_cinc.models, model)(
    IMAGE_SHAPE, levels=LEVELS, hidden_channels=512, seed=0, **options
  )
  if images is not None:
    tfp_cinc.initialize_from_data(flow, images)
  return flow


def tfb_glow(depth=4, images=None) -> tfd.Distribution:
  """`tfb.Glow` with its default networks, initialized on some images."""
  glow = tfb.Glow(
    output_shape=IMAGE_SHAPE,
    num_glow_blocks=LEVELS,
    num_steps_per_block=depth,
    coupling_bijector_fn=tfb.GlowDefaultNetwork,
    exit_bijector_fn=tfb.GlowDefaultExitNetwork,
  )
  flow = tfd.TransformedDistribution(
    tfd.Sample(tfd.Normal(0.0, 1.0), [32 * 32 * 3]), glow
  )
  if images is not None:
    flow.log_prob(images)  # its first batch initializes it
  return flow


def train_step(flow):
  """A compiled step of Adam on a batch of images, for either flow."""
  optimizer = tf_keras.optimizers.legacy.Adam(1e-5)
  variables = list(flow.trainable_variables)
  optimizer._create_all_weights(variables)

  @tf.function(autograph=False)
  def step(images):
    with tf.GradientTape() as tape:
      loss = -tf.reduce_mean(flow.log_prob(images)) / 3072
    gradients = tape.gradient(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  return step
