"""The `models.glow` preset against `tfb.Glow` with the same weights.

The preset is taken as it is, and its weights are copied into `tfb.Glow` and
into Keras networks of its own. Both go from image to latent by the same steps
(squeeze; then ActNorm, 1x1 convolution, affine coupling; then an exit of half
of the channels behind a learned prior) and have a N(0, I) base. This is where
they differ, and how it is made up for when weights are copied:

- Direction: `tfb.Glow.forward` is from latent to image and its latents are
  vectors, so that its blocks and steps are built last first.
- Squeeze: TFP's puts the four pixels of a channel side by side, ours (as
  `tf.nn.space_to_depth`) the channels of a pixel. The ActNorm and the 1x1
  convolution that follow a squeeze have their channels permuted.
- ActNorm: (x + m) * s there, x * exp(log_scale) + shift here. TFP's sets itself
  from the first batch that it sees, in either direction; ours never does. Its
  flag is set by hand here, but for the test of just that.
- 1x1 convolution: W x there with W = P L U whose diagonal is trained as it is;
  x A here, so that A is the transpose of W.
- Coupling: x * s + t there, (x + f) * s here, so that t = f * s. Both have the
  scale s = sigmoid(h + 2); TFP takes h before t, we take f before h.
- Exit: z2 * exp(h + 2) + t there, (z2 + f) * exp(h) here (`SplitPrior`); with
  an output of zero TFP scales by exp(2) and we by 1.
- Latents come in another order, which N(0, I) does not see.

`tfb.Glow` computes in float64 where its networks do, their Keras inputs too.
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from tensorflow_probability.python.bijectors import glow as tfp_glow

import tfp_cinc
from tfp_cinc import models

tfb = tfp.bijectors
tfd = tfp.distributions

TOLERANCE = {tf.float32: 1e-4, tf.float64: 1e-9}


class InConventionOfTFP(tf.Module):
  """A Keras copy of a network of ours, with its output as `tfb.Glow` has it."""

  def __init__(self, network, convert):
    super().__init__()
    # Kernels and biases, from the first layer to the last.
    variables = sorted(network.trainable_variables, key=lambda v: v.name)
    kernels = [v.numpy() for v in variables if v.shape.rank == 4]
    biases = [v.numpy() for v in variables if v.shape.rank == 1]
    last = len(kernels) - 1
    dtype, shape = kernels[0].dtype.name, [None, None, kernels[0].shape[2]]
    self._model = tf_keras.Sequential(
      [tf_keras.layers.Input(shape, dtype=dtype)]
      + [
        tf_keras.layers.Conv2D(
          kernel.shape[-1],
          kernel.shape[:2],
          padding='same',
          activation=None if i == last else 'relu',
          dtype=dtype,
        )
        for i, kernel in enumerate(kernels)
      ]
    )
    pairs = zip(kernels, biases, strict=True)
    self._model.set_weights([array for pair in pairs for array in pair])
    self._convert = convert

  def __call__(self, x):
    shift, scale = tf.split(self._model(x), 2, axis=-1)
    return tf.concat(self._convert(shift, scale), axis=-1)


def _coupling_output(shift, scale):
  return [scale, shift * tf.sigmoid(scale + 2.0)]


def _exit_output(shift, scale):
  return [scale - 2.0, shift * tf.exp(scale)]


def _no_prior(input_shape, output_chan):
  """An exit that leaves its channels as they are: the scale exp(-2 + 2)."""

  def network(x):
    return tf.concat(
      [tf.fill(tf.shape(x), tf.cast(-2.0, x.dtype)), tf.zeros_like(x)], -1
    )

  assert input_shape[-1] == output_chan
  return network


def leaves(bijector):
  """What a bijector is made of, in the order in which its chains are written.

  For `tfb.Glow` that is from image to latent and for ours, whose forward is the
  other way, from latent to image.
  """
  if hasattr(bijector, 'bijectors'):
    for part in bijector.bijectors:
      yield from leaves(part)
  elif hasattr(bijector, 'bijector'):
    yield from leaves(bijector.bijector)
  else:
    yield bijector


def layers_of(bijector, kind):
  return [layer for layer in leaves(bijector) if isinstance(layer, kind)]


def random_glow(image_shape, dtype, **options):
  """The preset with all its weights away from where they start."""
  flow = models.glow(
    image_shape, hidden_channels=4, seed=1, dtype=dtype, **options
  )
  rng = np.random.default_rng(2)
  for variable in flow.trainable_variables:
    change = 0.1 * rng.normal(size=variable.shape)
    variable.assign_add(tf.cast(change, dtype))
  return flow


def copy_of(flow, image_shape, levels, depth, initialized=True):
  """`tfb.Glow` with the weights of a flow of ours, as a distribution."""
  act_norms, convolutions, couplings, priors = (
    layers_of(flow.bijector, kind)[::-1]
    for kind in (
      tfp_cinc.bijectors.ActNorm,
      tfp_cinc.bijectors.OneByOneConv2D,
      tfp_cinc.bijectors.BlockCoupling,
      tfp_cinc.bijectors.SplitPrior,
    )
  )
  networks = [
    InConventionOfTFP(coupling.networks[0], _coupling_output)
    for coupling in couplings
    if coupling not in priors
  ]
  exits = [
    InConventionOfTFP(prior.networks[0], _exit_output) for prior in priors
  ]
  assert len(networks) == levels * depth
  assert len(exits) in (0, levels - 1)
  glow = tfb.Glow(
    image_shape,
    num_glow_blocks=levels,
    num_steps_per_block=depth,
    coupling_bijector_fn=lambda input_shape: networks.pop(),
    exit_bijector_fn=(
      (lambda input_shape, output_chan: exits.pop()) if exits else _no_prior
    ),
  )
  assert not networks
  assert not exits

  steps = zip(
    act_norms,
    convolutions,
    layers_of(glow, tfp_glow.ActivationNormalization),
    layers_of(glow, tfp_glow.OneByOneConv),
    strict=True,
  )
  for step, (act_norm, convolution, their_norm, their_conv) in enumerate(steps):
    order = np.arange(convolution.matrix.size)
    if step % depth == 0:  # TFP's channel i is our channel order[i]
      order = order.reshape([4, -1]).T.ravel()
    scale, shift = np.exp(act_norm.log_scale), act_norm.shift.numpy()
    their_norm._s.assign(scale[order])
    their_norm._m.assign((shift / scale)[order])
    their_norm._initialized.assign(initialized)
    matrix = convolution.matrix.dense().numpy().T
    lower_upper, permutation = tf.linalg.lu(matrix[:, order])
    their_conv._bijector.lower_upper.assign(lower_upper)
    their_conv._bijector.permutation.assign(permutation)
  base = tfd.Normal(tf.zeros([], flow.dtype), tf.ones([], flow.dtype))
  size = int(np.prod(image_shape))
  return tfd.TransformedDistribution(tfd.Sample(base, [size]), glow)


def random_images(image_shape, dtype, seed=3):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.uniform(-0.5, 0.5, size=[3, *image_shape]), dtype)


def check(ours, theirs, x):
  """Density, latents but for their order, and log-det."""
  tolerance = TOLERANCE[x.dtype]
  np.testing.assert_allclose(
    ours.log_prob(x), theirs.log_prob(x), rtol=tolerance
  )
  latents, expected = (
    np.sort(np.reshape(flow.bijector.inverse(tf.identity(x)), [len(x), -1]))
    for flow in (ours, theirs)
  )
  np.testing.assert_allclose(latents, expected, rtol=tolerance, atol=tolerance)
  log_det, expected = (
    flow.bijector.inverse_log_det_jacobian(tf.identity(x), 3)
    for flow in (ours, theirs)
  )
  np.testing.assert_allclose(log_det, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('dtype', TOLERANCE, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
  ('image_shape', 'levels', 'depth', 'split_prior'),
  [
    ([8, 8, 3], 2, 2, True),
    ([8, 16, 1], 3, 1, True),
    ([4, 4, 3], 2, 1, False),
  ],
)
def test_same_weights_same_density(
  image_shape, levels, depth, split_prior, dtype
):
  flow = random_glow(
    image_shape, dtype, levels=levels, depth=depth, split_prior=split_prior
  )
  x = random_images(image_shape, dtype)
  check(flow, copy_of(flow, image_shape, levels, depth), x)


def test_same_data_same_initialization():
  """Our explicit ActNorm ends up where TFP's first batch takes it."""
  image_shape, dtype = [8, 8, 3], tf.float64
  flow = random_glow(image_shape, dtype, levels=2, depth=2)
  other = copy_of(flow, image_shape, 2, 2, initialized=False)
  data = random_images(image_shape, dtype, seed=4)
  tfp_cinc.initialize_from_data(flow, data)
  other.bijector.inverse(data)
  check(flow, other, random_images(image_shape, dtype))
