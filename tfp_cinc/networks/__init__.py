"""Networks for couplings and learned priors.

A coupling takes any callable from [..., H, W, C_in] to [..., H, W, C_out], a
Keras model of tf_keras too; these are the ones that the papers use. `NETWORKS`
has those that models take by name.
"""

from tfp_cinc.networks.attention import (
  AttentionNetwork,
  attention_network,
)
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.conv_network import (
  ConvNetwork,
  dense_network,
  glow_network,
  pointwise_network,
  zero_conv_network,
)
from tfp_cinc.networks.lipschitz_network import LipschitzNetwork
from tfp_cinc.networks.masked_network import MaskedNetwork
from tfp_cinc.networks.precision import full_precision
from tfp_cinc.networks.residual import (
  ResidualNetwork,
  residual_network,
)
from tfp_cinc.networks.shared_network import SharedNetwork, shared_network
from tfp_cinc.networks.velocity_network import VelocityNetwork

__all__ = [
  'NETWORKS',
  'AttentionNetwork',
  'ConvNetwork',
  'ImageNetwork',
  'LipschitzNetwork',
  'MaskedNetwork',
  'ResidualNetwork',
  'SharedNetwork',
  'VelocityNetwork',
  'attention_network',
  'dense_network',
  'full_precision',
  'glow_network',
  'pointwise_network',
  'residual_network',
  'shared_network',
  'zero_conv_network',
]

# Each is called as `network(in_channels, out_channels, hidden_channels=...,
# condition_channels=..., seed=..., dtype=..., network_dtype=..., name=...)`.
NETWORKS = {
  'attention': attention_network,
  'glow': glow_network,
  'pointwise': pointwise_network,
  'residual': residual_network,
  'shared': shared_network,
}
