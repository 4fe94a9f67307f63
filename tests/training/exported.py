"""Exports a small flow given a condition."""

import numpy as np

import tfp_cinc
from tfp_cinc import ConditionInput

__all__ = ['export_conditional']


def export_conditional(path, images, kind, shape, names=None):
  """Exports a flow with random weights, unless `path` exists.

  Args:
    path: Folder of the SavedModel.
    images: uint8 [N, H, W, C], which initialize the flow.
    kind: Kind of condition, see `tfp_cinc.ConditionInput`.
    shape: Shape of the condition of one image.
    names: Names of the labels.

  Returns:
    `path`.
  """
  if path.exists():
    return path
  image_shape = images.shape[1:]
  flow = tfp_cinc.models.glow(
    image_shape,
    levels=1,
    depth=1,
    hidden_channels=4,
    condition_channels=shape[-1],
    seed=0,
  )
  zeros = np.zeros([len(images), *shape], np.float32)
  values = tfp_cinc.dequantize(images, seed=0)
  tfp_cinc.initialize_from_data(flow, values, zeros)
  for variable in flow.trainable_variables:
    noise = np.random.default_rng(0).normal(size=variable.shape)
    variable.assign_add(0.05 * noise)
  condition = ConditionInput(kind, shape, names)
  tfp_cinc.export_saved_model(
    flow, path, list(image_shape), condition=condition
  )
  return path
