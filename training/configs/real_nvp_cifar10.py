r"""RealNVP on CIFAR-10: L=2, K=3.

  python -m training train \
    --config training/configs/real_nvp_cifar10.py \
    --workdir runs/real_nvp_cifar10

Published: 3.49 bits/dim (Truong et al. 2019, table 2).

Networks of 64 channels, and one scale more than the paper's 'downscale only
once', because its last scale has no squeeze; they have 2 residual blocks, the
paper's 8.

The chosen length is that of the other flows here, in steps. Adam, batch 64:
section 4.1. Not as in the paper: ActNorm for batch normalization, no weight
decay of scales, and the last scale is like the others, see
`tfp_cinc.models.real_nvp`.
"""

from training.configs.papers import get_paper_config


def get_config():
  """The configuration."""
  config = get_paper_config('real_nvp', 'cifar10', depth=3)
  config.flow.levels = 2
  config.flow.hidden_channels = 64
  config.train.batch_size = 64
  return config
