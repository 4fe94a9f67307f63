"""RealNVP on CIFAR-10: L=2, K=3.

  tfp-cinc train --config real_nvp_cifar10 --workdir runs/real_nvp_cifar10

Published: 3.49 bits/dim (Truong et al. 2019, table 2).

The networks have 64 channels and 2 residual blocks (8 in the paper). There is
one more scale than in the paper ('downscale only once'), because the last scale
of the paper has no squeeze.

Adam and the batch size of 64 are from section 4.1 of the paper. The number of
steps is that of the other flows here. Unlike the paper, this configuration has
ActNorm instead of batch normalization and no weight decay of the scales, and
its last scale is like the others; see `tfp_cinc.models.real_nvp`.
"""

from .recipes import get_paper_config


def get_config():
  """Returns the configuration."""
  config = get_paper_config('real_nvp', 'cifar10', depth=3)
  config.flow.levels = 2
  config.flow.hidden_channels = 64
  config.train.batch_size = 64
  return config
