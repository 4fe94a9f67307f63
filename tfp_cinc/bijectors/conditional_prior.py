"""The prior of all latents given a condition."""

import tensorflow as tf

from tfp_cinc.bijectors.block_coupling import Network
from tfp_cinc.bijectors.coupling import OneNetworkCoupling
from tfp_cinc.internal.types import DTypeLike

__all__ = ['ConditionalPrior']


class ConditionalPrior(OneNetworkCoupling):
  """Learned prior of latents whose mean and scale depend on a condition.

  Latents z with the density N(mu(c), sigma(c)^2), given a condition c, have the
  density N(0, 1) after the affine function

  ```
  forward(z) = (z - mu(c)) / sigma(c)
  forward_log_det_jacobian(z) = -sum_{h, w, c} log sigma(c)
  ```

  with `network(1, c)` = (-mu, -log sigma). The network reads an image of one
  channel of ones, so that a convolution that pads it with zeros can make the
  mean depend on the distance to the border.

  Between the layers of a flow, it is the affine injector of SRFlow: it shifts
  and scales an image by what is expected given the condition.

  `z` is [..., H, W, C]. Both directions cost one call of the network.

  #### Example

  >>> from tfp_cinc.networks import trainable_zero_conv_network
  >>> network = trainable_zero_conv_network(1, 6, condition_channels=10)
  >>> layer = ConditionalPrior(network)
  >>> layer.forward(tf.ones([5, 8, 8, 3]), condition=tf.one_hot(2, 10)).shape
  TensorShape([5, 8, 8, 3])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), function
  `prior` of its code, with the option `ycond`. Lugmayr et al. 2020,
  [SRFlow](https://arxiv.org/abs/2006.14200), section 3.3, for the injector.
  """

  def __init__(
    self,
    network: Network,
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'conditional_prior',
  ):
    """Creates the layer.

    Args:
      network: Network from [..., H, W, 1] and a condition to -mu and -log sigma
        [..., H, W, 2 C], -mu first.
      dtype: Dtype of the latents.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    super().__init__(
      [network], 'affine', 'exp', dtype, validate_args, name, parameters
    )

  def _split(self, inputs):
    return tf.ones_like(inputs[..., :1]), inputs

  def _join(self, blocks):
    return blocks[-1]
