"""Compares a flow with lossless image formats on whole photographs.

  python -m benchmarks.photographs FLOW FOLDER [--out OUT.json]

FLOW is a trained flow, as in `tfp-cinc score`. FOLDER holds image files, such
as the 24 photographs of the Kodak PhotoCD, which must not be among the training
images. The flow codes each photograph in patches of its image size; PNG and
WebP code it as a whole, so that they can also use what patches share.
"""

import argparse
import io
import pathlib

import numpy as np
import PIL.Image

from benchmarks import report

DRAWS = 4


def main(arguments=None):
  """Prints the table, and writes it as JSON if --out is given."""
  parser = argparse.ArgumentParser('python -m benchmarks.photographs')
  parser.add_argument('flow')
  parser.add_argument('folder', type=pathlib.Path)
  parser.add_argument('--out')
  options = parser.parse_args(arguments)
  from training.trained import open_flow

  flow, bits = open_flow(options.flow), []
  for path in sorted(options.folder.iterdir()):
    image = np.asarray(PIL.Image.open(path).convert('RGB'))
    patches = _patches(image, flow.image_shape)
    own = flow.bits_per_dim(patches, DRAWS)
    bits.append(
      {
        'flow': float(own.mean()),
        'PNG': _coded(image, 'png', optimize=True),
        'WebP': _coded(image, 'webp', lossless=True, quality=100),
        'patches': len(patches),
      }
    )
  rows = [
    {
      'coded by': name,
      'bits/dim': float(np.mean([row[name] for row in bits])),
      'lowest': float(min(row[name] for row in bits)),
      'highest': float(max(row[name] for row in bits)),
      'photographs that the flow codes in fewer bits': None
      if name == 'flow'
      else sum(row['flow'] < row[name] for row in bits),
    }
    for name in ('flow', 'PNG', 'WebP')
  ]
  height, width, _ = flow.image_shape
  report.write(
    f'{len(bits)} photographs by a flow of {flow.name}',
    f'Means over photographs. The flow `{options.flow}` codes '
    f'{sum(row["patches"] for row in bits):,} patches of {height} x {width} '
    f'pixels, {DRAWS} draws of its noise; PNG and lossless WebP code the '
    'photographs as a whole.',
    rows,
    options.out,
  )


def _patches(image, shape):
  """Returns the patches [N, H, W, C] of an image; the rest is left out."""
  height, width, channels = shape
  rows, columns = image.shape[0] // height, image.shape[1] // width
  image = image[: rows * height, : columns * width]
  image = image.reshape([rows, height, columns, width, channels])
  return image.swapaxes(1, 2).reshape([-1, *shape])


def _coded(image, kind, **options):
  """Returns the bits/dim of an image in a file format."""
  file = io.BytesIO()
  PIL.Image.fromarray(image).save(file, kind, **options)
  return 8 * len(file.getvalue()) / image.size


if __name__ == '__main__':
  main()
