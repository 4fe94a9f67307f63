import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc.latents import AttributeDirections

SHAPE = [8, 8, 3]


@dataclasses.dataclass
class Served:
  """A flow, what it is exported with, and the exported model."""

  flow: object
  directions: AttributeDirections
  images: np.ndarray
  path: pathlib.Path
  model: object

  def call(self, name, **inputs):
    """A signature's outputs as arrays."""
    inputs = {key: tf.convert_to_tensor(v) for key, v in inputs.items()}
    outputs = self.model.signatures[name](**inputs)
    return {key: value.numpy() for key, value in outputs.items()}


@pytest.fixture(scope='session')
def served(tmp_path_factory):
  """Exported once for all tests, which leave it as it is."""
  flow = tfp_cinc.models.cinc(
    SHAPE,
    layers='one_by_one+cinc',
    levels=2,
    depth=2,
    hidden_channels=8,
    seed=0,
  )
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, [32, *SHAPE], np.uint8)
  tfp_cinc.initialize_from_data(flow, tfp_cinc.dequantize(images, seed=0))
  for variable in flow.trainable_variables:
    variable.assign_add(0.05 * rng.normal(size=variable.shape))
  directions = AttributeDirections(
    ['Old', 'Smiling'], 0.1 * rng.normal(size=[2, 192]), 'correlation'
  )
  path = tmp_path_factory.mktemp('served') / 'model'
  tfp_cinc.export_saved_model(
    flow, path, SHAPE, directions=directions, card={'data': 'made up'}
  )
  model = tf.saved_model.load(str(path))
  return Served(flow, directions, images[:5], path, model)
