"""The image flows of the papers: `multiscale_flow` with other defaults."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import tensorflow_probability as tfp

from tfp_cinc.models.multiscale import multiscale_flow

__all__ = [
  'autoregressive_conv',
  'cinc',
  'cinc_paper',
  'emerging',
  'glow',
  'periodic',
  'real_nvp',
  'shift_conv',
]

tfd = tfp.distributions

P = ParamSpec('P')
R = TypeVar('R')


def _preset(
  general: Callable[P, R], **choices: Any
) -> Callable[[Callable], Callable[P, R]]:
  """Replaces the decorated function by a general one with other defaults.

  The result has the name and the docstring of the decorated function. The
  defaults are appended to the docstring.
  """

  def decorate(described):
    bound = functools.partial(general, **choices, name=described.__name__)

    @functools.wraps(described)
    def model(image_shape, **options):
      return bound(image_shape, **options)

    model.__signature__ = inspect.signature(bound)
    defaults = '\n'.join(f'  - {key}={choices[key]!r}' for key in choices)
    model.__doc__ += f"""
  #### Arguments

  The arguments, results and errors are those of `multiscale_flow`, with these
  defaults:

{defaults}
  """
    return model

  return decorate


@_preset(
  multiscale_flow,
  layers='one_by_one+cinc',
  coupling='affine',
  scale_function='tanh',
  network='pointwise',
)
def cinc(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns the default flow, with 1x1 and CInC convolutions.

  Each step has Glow's 1x1 convolution and then the k x k convolution of CInC
  Flow, which is padded on two sides. The affine couplings have small networks
  and a bounded scale, so that samples are finite even after a short training.
  `cinc_paper` is the flow of the paper.

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC
  Flow](https://arxiv.org/abs/2107.01358), section 3.2.
  """


@_preset(multiscale_flow, layers='cinc', coupling='quad')
def cinc_paper(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns CInC Flow: k x k convolutions that are padded on two sides.

  The defaults are those of the paper's CIFAR-10 model: L=3, D=32, quad-coupling
  and networks of 512 channels. The paper has no 1x1 convolution. A variant in
  its published code has one; use `layers='one_by_one+cinc'` for it.

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC
  Flow](https://arxiv.org/abs/2107.01358), sections 3.2 and 3.3.
  """


@_preset(multiscale_flow, layers='one_by_one', coupling='affine')
def glow(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns Glow: 1x1 convolutions and affine couplings.

  The defaults are those of the paper's CIFAR-10 model.

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), figure 2.
  """


@_preset(multiscale_flow, layers='one_by_one+emerging', coupling='affine')
def emerging(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns a flow of emerging convolutions.

  Each step has a 1x1 convolution and two causal convolutions with opposite
  padding.

  #### References

  Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for
  Generative Normalizing Flows](https://arxiv.org/abs/1901.11137), sections 3
  and 5.
  """


@_preset(multiscale_flow, layers='one_by_one+periodic', coupling='affine')
def periodic(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns a flow of periodic convolutions.

  Each step has a 1x1 convolution and a k x k convolution with circular padding,
  which is inverted in the Fourier domain.

  #### References

  Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for
  Generative Normalizing Flows](https://arxiv.org/abs/1901.11137), section 4.
  """


@_preset(multiscale_flow, layers='one_by_one+autoregressive', coupling='affine')
def autoregressive_conv(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns a flow of convolutions with the raster-order mask.

  Each step has a 1x1 convolution and a masked k x k convolution. It is the flow
  in the middle row of the CInC Flow poster.

  #### References

  Kingma et al. 2016, [Improved Variational Inference with Inverse
  Autoregressive Flow](https://arxiv.org/abs/1606.04934), section 4.
  """


@_preset(multiscale_flow, layers='shift', coupling='affine')
def shift_conv(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns a flow of shift convolutions.

  Each step has a shift function for each channel and a 1x1 convolution. The
  defaults are those of the paper's CIFAR-10 model, except for the prior of the
  channels that are factored out. It is N(0, I) in the paper; use
  `split_prior=False` for it.

  #### References

  Truong et al. 2019, [Generative Flow via Invertible n x n
  Convolution](https://arxiv.org/abs/1905.10170), equations 6 to 10.
  """


@_preset(
  multiscale_flow,
  layers='reverse',
  coupling='affine',
  scale_function='tanh',
  network='residual',
  hidden_channels=64,
  checkerboards=3,
  depth=3,
  split_prior=False,
)
def real_nvp(
  image_shape: Sequence[int], **options: Any
) -> tfd.TransformedDistribution:
  """Returns RealNVP: checkerboard couplings, a squeeze, channel couplings.

  Each level has three checkerboard couplings and then three couplings of halves
  of the channels, all with residual networks. Unlike in the paper, ActNorm
  replaces batch normalization, the factor of the tanh is fixed at 1, and the
  last level is like the others.

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017,
  [RealNVP](https://arxiv.org/abs/1605.08803), section 3.6 and figure 3.
  """
