"""TarFlow on the photographs, 32x32 images in 64 patches of 4x4 pixels.

  make train CONFIG=tarflow_photos

The size is for 5 minutes on 2 CPU cores. It is trained like `cinc_photos`, with
the Muon optimizer and learned dequantization noise. Its networks compute in
float32, because bfloat16 is no faster for 64 channels.
"""

from .base import get_short_config


def get_config():
  """Returns the configuration."""
  config = get_short_config('tarflow')
  config.flow.patch_size = 4
  config.flow.depth = 4
  config.flow.num_layers = 2
  config.flow.hidden_channels = 64
  # After 400 steps Muon has 3.14 test bits/dim, AdamW 3.44 at a rate of 2e-3.
  config.train.optimizer = 'muon'
  config.train.dequantization = 'variational'
  config.train.learning_rate = 5e-3
  return config
