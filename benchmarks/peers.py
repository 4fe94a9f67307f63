"""Flows that the benchmarks compare: ours and those of other libraries."""

import importlib.util
import sys

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc

__all__ = [
  'IMAGE_SHAPE',
  'NormflowsGlow',
  'flow',
  'has_normflows',
  'normflows_glow',
  'random_images',
  'tfb_glow',
  'train_step',
]

tfb, tfd = tfp.bijectors, tfp.distributions

IMAGE_SHAPE = (32, 32, 3)
LEVELS = 3
REFERENCE = 'tfb.Glow'

# Arguments of our presets by their name in the tables. All use the network
# architecture of tfb.Glow and normflows, except 'cinc', which has its own.
OURS = {
  'cinc': {'model': 'cinc'},
  'cinc, bfloat16': {'model': 'cinc', 'network_dtype': 'bfloat16'},
  'cinc_paper': {},
  'cinc_paper, checkpoint': {'memory': 'checkpoint'},
  'cinc_paper, reversible': {'memory': 'reversible'},
  'cinc_paper, bfloat16': {'network_dtype': 'bfloat16'},
  'cinc_paper, 400 channels': {'hidden_channels': 400},
  'cinc_paper, quad': {'coupling': 'quad'},
  'cinc_paper, quad, bfloat16': {
    'coupling': 'quad',
    'network_dtype': 'bfloat16',
  },
  '1x1 only': {'model': 'glow'},
  '1x1 only, bfloat16': {'model': 'glow', 'network_dtype': 'bfloat16'},
}


def random_images(number: int) -> tf.Tensor:
  """Returns images of uniform noise, [number, 32, 32, 3]."""
  return tf.random.stateless_uniform([number, *IMAGE_SHAPE], [0, 0]) - 0.5


def flow(name: str, depth: int = 4) -> tfd.Distribution:
  """Returns a flow with L=3 and D=depth, initialized on random images.

  Args:
    name: 'tfb.Glow', which has its default networks of 400 channels, or a key
      of `OURS`, whose networks have 512 channels unless it says otherwise.
    depth: Number of steps per level, D.

  Returns:
    A distribution over images.
  """
  if name == REFERENCE:
    return tfb_glow(random_images(16), LEVELS, depth)
  options = {
    'model': 'cinc_paper',
    'coupling': 'affine',
    'hidden_channels': 512,
    **OURS[name],
  }
  model = getattr(tfp_cinc.models, options.pop('model'))
  result = model(IMAGE_SHAPE, levels=LEVELS, depth=depth, seed=0, **options)
  tfp_cinc.initialize_from_data(result, random_images(16))
  return result


def tfb_glow(images: tf.Tensor, levels: int, depth: int) -> tfd.Distribution:
  """Returns TFP's Glow with its default networks of 400 channels.

  Args:
    images: First batch, [N, H, W, C], which initializes the flow.
    levels: Number of levels, L.
    depth: Number of steps per level, D.

  Returns:
    A distribution over images.
  """
  shape = images.shape[1:]
  glow = tfb.Glow(
    output_shape=shape.as_list(),
    num_glow_blocks=levels,
    num_steps_per_block=depth,
    coupling_bijector_fn=tfb.GlowDefaultNetwork,
    exit_bijector_fn=tfb.GlowDefaultExitNetwork,
  )
  result = tfd.TransformedDistribution(
    tfd.Sample(tfd.Normal(0.0, 1.0), [shape.num_elements()]), glow
  )
  result.log_prob(images)
  return result


def train_step(flow: tfd.Distribution):
  """Returns a compiled training step of a TFP flow with Adam."""
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


def has_normflows() -> bool:
  """Returns whether normflows is installed; prints a hint if it is not."""
  found = importlib.util.find_spec('normflows') is not None
  if not found:
    print("Skipping normflows' Glow; `pip install '.[bench]'` installs it.\n")
  return found


def normflows_glow(image_shape, levels: int, depth: int, channels: int):
  """Returns normflows' Glow (PyTorch), which its first batch initializes.

  Args:
    image_shape: Image shape, (H, W, C).
    levels: Number of levels, L.
    depth: Number of steps per level, D.
    channels: Number of hidden channels of the networks.

  Returns:
    A `normflows.MultiscaleFlow` over images [N, C, H, W].
  """
  # PyTorch's optimizers import Triton if they find it. Triton 3.8 ends the
  # process if TensorFlow 2.21 has been imported.
  sys.modules.setdefault('triton', None)
  import normflows

  height, width, image_channels = image_shape
  bases, merges, flows = [], [], []
  for i in range(levels):
    size = image_channels * 2 ** (levels + 1 - i)
    block = normflows.flows.GlowBlock
    steps = [block(size, channels, split_mode='channel') for _ in range(depth)]
    flows.append([*steps, normflows.flows.Squeeze()])
    if i:
      merges.append(normflows.flows.Merge())
    factor = 2 ** (levels - i)
    shape = (size // 2 if i else size, height // factor, width // factor)
    bases.append(normflows.distributions.DiagGaussian(shape))
  return normflows.MultiscaleFlow(bases, flows, merges)


class NormflowsGlow:
  """normflows' Glow (PyTorch) with L=3, D=4 and networks of 512 channels."""

  def __init__(self, bfloat16: bool = False):
    """Creates and initializes the flow.

    Args:
      bfloat16: Whether the networks compute in bfloat16, by autocast.
    """
    import torch

    self._torch = torch
    self._autocast = lambda: torch.autocast(
      'cpu', torch.bfloat16, enabled=bfloat16
    )
    torch.manual_seed(0)
    self._model = normflows_glow(IMAGE_SHAPE, LEVELS, 4, 512)
    self.log_prob(16)
    self._optimizer = torch.optim.Adam(self._model.parameters(), 1e-5)

  def _images(self, number):
    generator = self._torch.Generator().manual_seed(0)
    return self._torch.rand([number, 3, 32, 32], generator=generator) - 0.5

  def log_prob(self, number: int):
    """Returns the log-densities of random images."""
    with self._torch.no_grad(), self._autocast():
      return self._model.log_prob(self._images(number), None)

  def sample(self, number: int):
    """Draws images."""
    with self._torch.no_grad(), self._autocast():
      return self._model.sample(number)

  def train(self, number: int):
    """Takes a training step with Adam on random images."""
    self._optimizer.zero_grad()
    with self._autocast():
      loss = -self._model.log_prob(self._images(number), None).mean() / 3072
    loss.backward()
    self._torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
    self._optimizer.step()
