"""Networks for couplings and learned priors.

A coupling accepts any callable from [..., H, W, C_in] to [..., H, W, C_out],
such as a tf_keras model. The networks of this package are composite tensors;
image networks derive from `ImageNetwork`. `NETWORKS` maps the names that models
accept to factories.
"""

from collections.abc import Callable

from tfp_cinc.internal.tfp_compat import CompositeModule
from tfp_cinc.networks.attention_network import (
  AttentionNetwork,
  trainable_attention_network,
)
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.conditioned_network import ConditionedNetwork
from tfp_cinc.networks.conv_network import (
  Conv2D,
  ConvNetwork,
  trainable_conv2d,
  trainable_conv_network,
)
from tfp_cinc.networks.dense import Dense, trainable_dense
from tfp_cinc.networks.layer_norm import LayerNorm, trainable_layer_norm
from tfp_cinc.networks.lipschitz_network import (
  LipschitzNetwork,
  trainable_lipschitz_network,
)
from tfp_cinc.networks.masked_network import (
  MaskedNetwork,
  trainable_masked_network,
)
from tfp_cinc.networks.presets import (
  trainable_dense_network,
  trainable_glow_network,
  trainable_pointwise_network,
  trainable_zero_conv_network,
)
from tfp_cinc.networks.residual_network import (
  ResidualNetwork,
  trainable_residual_network,
)
from tfp_cinc.networks.shared_network import (
  SharedNetwork,
  trainable_shared_network,
)
from tfp_cinc.networks.transformers import (
  CausalTransformer,
  VisionTransformer,
  trainable_causal_transformer,
  trainable_vision_transformer,
)
from tfp_cinc.networks.velocity_network import (
  VelocityNetwork,
  trainable_velocity_network,
)

__all__ = [
  'NETWORKS',
  'AttentionNetwork',
  'CausalTransformer',
  'CompositeModule',
  'ConditionedNetwork',
  'Conv2D',
  'ConvNetwork',
  'Dense',
  'ImageNetwork',
  'LayerNorm',
  'LipschitzNetwork',
  'MaskedNetwork',
  'ResidualNetwork',
  'SharedNetwork',
  'VelocityNetwork',
  'VisionTransformer',
  'trainable_attention_network',
  'trainable_causal_transformer',
  'trainable_conv2d',
  'trainable_conv_network',
  'trainable_dense',
  'trainable_dense_network',
  'trainable_glow_network',
  'trainable_layer_norm',
  'trainable_lipschitz_network',
  'trainable_masked_network',
  'trainable_pointwise_network',
  'trainable_residual_network',
  'trainable_shared_network',
  'trainable_velocity_network',
  'trainable_vision_transformer',
  'trainable_zero_conv_network',
]

# Maps names to factories. A factory is called as
# `network(in_channels, out_channels, hidden_channels=...,
# condition_channels=..., seed=..., dtype=..., network_dtype=..., name=...)`.
NETWORKS: dict[str, Callable[..., ImageNetwork]] = {
  'attention': trainable_attention_network,
  'dense': trainable_dense_network,
  'glow': trainable_glow_network,
  'pointwise': trainable_pointwise_network,
  'residual': trainable_residual_network,
  'shared': trainable_shared_network,
  'transformer': trainable_vision_transformer,
}
