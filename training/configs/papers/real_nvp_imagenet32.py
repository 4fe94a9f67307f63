"""RealNVP on ImageNet 32x32: L=3, K=3.

  tfp-cinc train --config real_nvp_imagenet32 --workdir runs/real_nvp_imagenet32

Published: 4.28 bits/dim (Truong et al. 2019, table 2).

The networks have 32 channels and 2 residual blocks (4 in the paper). The scales
go down to 4x4.

Adam and the batch size of 64 are from section 4.1 of the paper. The number of
steps is that of the other flows here. Unlike the paper, this configuration has
ActNorm instead of batch normalization and no weight decay of the scales, and
its last scale is like the others; see `tfp_cinc.models.real_nvp`.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_paper_config


def get_config():
  """Returns the configuration."""
  config = get_paper_config('real_nvp', 'imagenet32', depth=3)
  config.flow.hidden_channels = 32
  config.train.batch_size = 64
  return config
