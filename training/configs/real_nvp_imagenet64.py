r"""RealNVP on ImageNet 64x64: L=4, K=3.

  python -m training train \
    --config training/configs/real_nvp_imagenet64.py \
    --workdir runs/real_nvp_imagenet64

Published: 3.98 bits/dim (Truong et al. 2019, table 2).

Networks of 32 channels with 2 residual blocks, scales down to 4x4.

The chosen length is that of the other flows here, in steps. Adam, batch 64:
section 4.1. Not as in the paper: ActNorm for batch normalization, no weight
decay of scales, and the last scale is like the others, see
`tfp_cinc.models.real_nvp`.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_paper_config


def get_config():
  """The configuration."""
  config = get_paper_config('real_nvp', 'imagenet64', depth=3)
  config.flow.hidden_channels = 32
  config.train.batch_size = 64
  return config
