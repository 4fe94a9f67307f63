"""The image flows of the papers: `multiscale_flow` with their choices."""

import functools
import inspect

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


def _preset(**choices):
  """Makes `multiscale_flow` with other defaults of a described function."""

  def decorate(described):
    bound = functools.partial(
      multiscale_flow, **choices, name=described.__name__
    )

    @functools.wraps(described)
    def model(image_shape, **options):
      return bound(image_shape, **options)

    model.__signature__ = inspect.signature(bound)
    model.__doc__ += f"""
  `multiscale_flow` with the defaults {choices}; it has the same arguments,
  returns and errors.
  """
    return model

  return decorate


@_preset(
  layers='one_by_one+cinc',
  coupling='affine',
  scale_function='tanh',
  network='pointwise',
)
def cinc(image_shape, **options):
  """1x1 and k x k convolutions that are padded on two sides: the default flow.

  The layers of CInC Flow (Nagar, Dufraisse and Varma 2021, section 3.2) behind
  Glow's 1x1 convolution, with affine couplings whose networks are small and
  whose scale is bounded, so that samples are finite after short training too.
  `cinc_paper` is the flow of the paper.
  """


@_preset(layers='cinc', coupling='quad')
def cinc_paper(image_shape, **options):
  """CInC Flow: k x k convolutions that are padded on two sides.

  CInC Flow (Nagar, Dufraisse and Varma 2021), sections 3.2 and 3.3. The
  defaults are those of its CIFAR-10 model: L=3, D=32, quad-coupling, networks
  of 512 channels. The paper has no 1x1 convolution; a variant of its published
  code has: `layers='one_by_one+cinc'`.
  """


@_preset(layers='one_by_one', coupling='affine')
def glow(image_shape, **options):
  """Glow: 1x1 convolutions.

  Kingma and Dhariwal 2018, figure 2; the defaults are those of its CIFAR-10
  model.
  """


@_preset(layers='one_by_one+emerging', coupling='affine')
def emerging(image_shape, **options):
  """Emerging convolutions: a 1x1 and two causal ones of opposite padding.

  Hoogeboom, van den Berg and Welling 2019, sections 3 and 5.
  """


@_preset(layers='one_by_one+periodic', coupling='affine')
def periodic(image_shape, **options):
  """Periodic convolutions: circular padding, inverted in the Fourier domain.

  Hoogeboom, van den Berg and Welling 2019, section 4.
  """


@_preset(layers='one_by_one+autoregressive', coupling='affine')
def autoregressive_conv(image_shape, **options):
  """Convolutions with the raster-order mask.

  Kingma et al. 2016, section 4, as a layer of a flow; the middle row of the
  CInC Flow poster.
  """


@_preset(layers='shift', coupling='affine')
def shift_conv(image_shape, **options):
  """Shift convolutions: a shift function of each channel, then a 1x1.

  Truong et al. 2019 (Generative Flow via Invertible n x n Convolution), eqs 6
  to 10; the defaults are those of its CIFAR-10 model but for the prior, which
  is N(0, I) there: `split_prior=False`.
  """


@_preset(
  layers='reverse',
  coupling='affine',
  scale_function='tanh',
  network='residual',
  hidden_channels=64,
  checkerboards=3,
  depth=3,
  split_prior=False,
)
def real_nvp(image_shape, **options):
  """RealNVP: couplings by checkerboards, a squeeze, couplings by channels.

  Dinh, Sohl-Dickstein and Bengio 2017, section 3.6 and figure 3: three
  couplings by checkerboards, three by halves of the channels in turn, residual
  networks. Batch normalization is ActNorm here, and the scale of the tanh is
  fixed at 1; the last level is like the others.
  """
