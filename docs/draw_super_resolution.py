"""Measures super-resolution on the test images of a run, and draws some.

  make train CONFIG=super_resolution_photos
  python docs/draw_super_resolution.py runs/super_resolution_photos

It prints the peak signal-to-noise ratio (PSNR) of the mean of 8 samples and of
bicubic interpolation: its mean over images with the standard error, and that of
the squared error of all images together, to which smooth images add little.
"""

import argparse
import pathlib
import sys

import numpy as np
import PIL.Image

ROOT = pathlib.Path(__file__).parents[1]
if __name__ == '__main__':
  sys.path.insert(0, str(ROOT))

PICTURE = ROOT / 'docs' / 'figures' / 'super_resolution.png'
_SAMPLES = 8
_ROWS = 6


def bicubic(small: np.ndarray, size: int) -> np.ndarray:
  """Enlarges images by bicubic interpolation.

  Args:
    small: uint8 [N, H', W', 3].
    size: Height and width of the results.

  Returns:
    uint8 [N, H, W, 3].
  """
  return np.stack(
    [
      PIL.Image.fromarray(image).resize(
        (size, size), PIL.Image.Resampling.BICUBIC
      )
      for image in small
    ]
  )


def psnr(images: np.ndarray, found: np.ndarray) -> np.ndarray:
  """Returns the PSNR of each image in decibels.

  Args:
    images: uint8 [N, H, W, C].
    found: [N, H, W, C], their reconstructions.

  Returns:
    float64 [N].
  """
  error = np.mean((images - found.astype(np.float64)) ** 2, axis=(1, 2, 3))
  return 10 * np.log10(255**2 / error)


def standard_error(values: np.ndarray) -> float:
  """Returns the standard error of the mean of values [N]."""
  return float(np.std(values) / np.sqrt(len(values)))


def main():
  """Prints the PSNR and draws the picture."""
  from training import open_flow
  from training.data.condition import low_resolution
  from training.run_folder.pictures import write_rows

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('run', help='folder of the run')
  parser.add_argument('--number', type=int, default=200, help='test images')
  arguments = parser.parse_args()
  flow = open_flow(arguments.run)
  images = flow.test_images
  images = images[:: max(1, len(images) // arguments.number)]
  images = images[: arguments.number]
  size = flow.image_shape[0]
  factor = size // flow.condition.shape[0]
  small = low_resolution(images, factor).numpy()
  draws = np.stack(
    [
      flow.sample(len(images), seed=seed, condition={'low_resolution': small})
      for seed in range(_SAMPLES)
    ],
    axis=1,
  )
  mean = np.floor(draws.mean(axis=1) + 0.5).astype(np.uint8)
  smooth = bicubic(small, size)
  print(f'PSNR over {len(images)} test images, in decibels:')
  of_bicubic = psnr(images, smooth)
  for name, found in (
    (f'mean of {_SAMPLES} samples', mean),
    ('one sample', draws[:, 0]),
    ('bicubic interpolation', smooth),
  ):
    values = psnr(images, found)
    difference = values - of_bicubic
    pooled = -10 * np.log10(np.mean(10 ** (-values / 10)))
    print(
      f'  {name}: {np.mean(values):.2f} +- {standard_error(values):.2f}, '
      f'difference from bicubic {np.mean(difference):.2f} +- '
      f'{standard_error(difference):.2f}; all together {pooled:.2f}'
    )
  shown = slice(0, len(images), max(1, len(images) // _ROWS))
  large = small.repeat(factor, axis=1).repeat(factor, axis=2)
  columns = {
    'given': large,
    'bicubic': smooth,
    'sample': draws[:, 0],
    '': draws[:, 1],
    'mean of 8': mean,
    'image': images,
  }
  rows = zip(
    *(values[shown][:_ROWS] for values in columns.values()), strict=True
  )
  write_rows(
    PICTURE,
    [('', np.stack(row)) for row in rows],
    f'Super-resolution by {factor}, test crops',
    [*columns],
  )


if __name__ == '__main__':
  main()
