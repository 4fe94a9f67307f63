"""Measures how well scores of a flow tell other images from its own.

  python -m benchmarks.out_of_distribution FLOW DATA OTHER... [--out OUT.json]

FLOW is a trained flow, as in `tfp-cinc score`: a run, a SavedModel, a file of
weights or a name of the package. DATA and OTHER are folders of arrays with
test.npy. Gray images are padded and repeated to the shape of the flow's images.
Constant images, of one random color each, are always among the others.

The figure is the area under the ROC curve (AUROC): the probability that an
image of the other set has a higher score than a test image of the flow's own
data. 0.5 is chance; below 0.5 the score is systematically wrong.
"""

import argparse
import pathlib

import numpy as np

from benchmarks import report

NUMBER = 2000  # images of each set
DRAWS = 4


def main(arguments=None):
  """Prints the table, and writes it as JSON if --out is given."""
  parser = argparse.ArgumentParser('python -m benchmarks.out_of_distribution')
  parser.add_argument('flow')
  parser.add_argument('data', type=pathlib.Path)
  parser.add_argument('others', nargs='*', type=pathlib.Path)
  parser.add_argument('--number', type=int, default=NUMBER)
  parser.add_argument('--out')
  options = parser.parse_args(arguments)
  from training.trained import open_flow

  flow = open_flow(options.flow)
  own = _images(options.data / 'test.npy', flow, options.number)
  bits, sizes = _measured(flow, own)
  # The typical value must not come from the images that are tested.
  training = _images(options.data / 'train.npy', flow, options.number)
  typical = float(flow.bits_per_dim(training, DRAWS).mean())
  others = {
    path.name: _images(path / 'test.npy', flow, options.number)
    for path in options.others
  }
  others['constant images'] = _constant(flow, options.number)
  rows = [
    {
      'data': options.data.name,
      'others': name,
      **_row(bits, sizes, *_measured(flow, images), typical),
    }
    for name, images in others.items()
  ]
  report.write(
    f'Other images by a flow of {options.data.name}',
    'AUROC of three scores; 0.5 is chance. Typicality is the distance from the '
    f'mean bits/dim of training images, {typical:.3f}. Complexity is bits/dim '
    'minus those of the image as a lossless WebP file. '
    f'{options.number} images of each set, {DRAWS} draws of the noise of the '
    'flow.',
    rows,
    options.out,
  )


def _images(path, flow, number):
  """Returns images of a file in the shape of the flow's images."""
  images = np.load(path, mmap_mode='r')
  order = np.random.default_rng(0).permutation(len(images))[:number]
  images = np.asarray(images[np.sort(order)])
  height, width, channels = flow.image_shape
  if images.shape[-1] == 1:
    images = np.repeat(images, channels, axis=-1)
  missing = height - images.shape[1], width - images.shape[2]
  if min(missing) < 0:
    raise ValueError(
      f'{path} has images of shape {images.shape[1:]}; the flow takes at most '
      f'{flow.image_shape}.'
    )
  around = [(size // 2, size - size // 2) for size in missing]
  return np.pad(images, [(0, 0), *around, (0, 0)])


def _constant(flow, number):
  shape = [number, 1, 1, flow.image_shape[-1]]
  colors = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  return np.broadcast_to(colors, [number, *flow.image_shape]).copy()


def _measured(flow, images):
  """Returns bits/dim by the flow and by WebP."""
  from training.data.compression import webp_bits_per_dim

  return flow.bits_per_dim(images, DRAWS), webp_bits_per_dim(
    images, flow.num_bits
  )


def _row(bits, sizes, other_bits, other_sizes, typical):
  from sklearn.metrics import roc_auc_score

  labels = np.repeat([0, 1], [len(bits), len(other_bits)])

  def auroc(own, other):
    return float(roc_auc_score(labels, np.concatenate([own, other])))

  return {
    'bits/dim': float(np.mean(bits)),
    'bits/dim of others': float(np.mean(other_bits)),
    'AUROC bits/dim': auroc(bits, other_bits),
    'AUROC typicality': auroc(abs(bits - typical), abs(other_bits - typical)),
    'AUROC complexity': auroc(bits - sizes, other_bits - other_sizes),
  }


if __name__ == '__main__':
  main()
