"""tfp-cinc upscale."""

import click
import numpy as np
import PIL.Image

from ..options import click_command, flow_argument, image_options, output_file
from .given_images import check_kind, draw, sample_options, write

__all__ = ['command']


@click_command(
  'upscale',
  'runs/super_resolution_photos small.png test:3 --number 8',
  short_help='Draw images given their low resolution.',
)
@flow_argument
@click.argument('images', nargs=-1, required=True, metavar='IMAGE...')
@sample_options
@image_options
@output_file
def command(
  path, images, number, temperature, seed, resize, convert, output, files, scale
):
  """Enlarge images, with several samples of each.

  PATH is the folder of a run or of a SavedModel whose flow is conditional on
  images of low resolution. IMAGE is a file of this size, or test:N for test
  image N, which is made smaller first. The picture also shows
  bicubic interpolation and the mean of the samples.
  """
  from ...data.condition import low_resolution
  from ...trained import open_flow
  from .images import read_images, test_images, test_numbers
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  check_kind(flow, 'low_resolution', 'images of low resolution')
  target.check_size(flow.image_shape, len(images), number + 4)
  factor = flow.image_shape[0] // flow.condition.shape[0]

  def reduce(image):
    return low_resolution(image[np.newaxis], factor)[0].numpy()

  small, names = read_images(
    flow, images, resize, convert, flow.condition.shape, reduce
  )
  samples = draw(flow, {'low_resolution': small}, number, temperature, seed)
  mean = np.floor(samples.mean(axis=1) + 0.5).astype(np.uint8)
  bicubic = np.stack([_bicubic(image, flow.image_shape) for image in small])
  after = {'mean': mean}
  numbers = test_numbers(images)
  if numbers is not None:
    after['image'] = originals = test_images(flow)[numbers]
    for name, image, *found in zip(
      names, originals, mean, bicubic, strict=True
    ):
      ours, theirs = (f'{_psnr(image, one):.2f} dB' for one in found)
      print(
        f'{name}: PSNR {ours} of the mean, {theirs} of bicubic interpolation'
      )
  write(
    target,
    flow,
    'upscale',
    names,
    samples,
    {
      'given': small.repeat(factor, axis=1).repeat(factor, axis=2),
      'bicubic': bicubic,
    },
    after,
    f'Samples at temperature {temperature:g} given the low resolution',
  )


def _bicubic(image, shape):
  """Returns an image enlarged to a shape by bicubic interpolation."""
  channels = [
    PIL.Image.fromarray(image[..., channel]).resize(
      (shape[1], shape[0]), PIL.Image.Resampling.BICUBIC
    )
    for channel in range(image.shape[-1])
  ]
  return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _psnr(image, other):
  """Returns the peak signal-to-noise ratio of two uint8 images in decibels."""
  error = np.mean((image.astype(float) - other) ** 2)
  return np.inf if error == 0 else 10 * np.log10(255**2 / error)
