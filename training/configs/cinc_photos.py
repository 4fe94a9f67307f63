"""CInC Flow on crops of scikit-learn's two photographs: the main job.

  horovodrun --gloo -np 2 python -m training train \
    --config training/configs/cinc_photos.py --workdir runs/cinc_photos

or `make train`. The steps are the CInC paper's with a 1x1 convolution before
the 3x3 one, at a size for 5 minutes on 2 CPU cores.
"""

from training.configs.base import get_base_config


def get_config():
  """The configuration."""
  config = get_base_config()
  config.flow.kernel_size = 3
  config.flow.padding = 'top_left'
  config.flow.corner = 'triangular'
  config.flow.layers = 'one_by_one+cinc'
  config.flow.network_dtype = 'auto'
  config.train.num_steps = 1200
  config.train.max_minutes = 5.0
  config.train.schedule = 'cosine'
  return config
