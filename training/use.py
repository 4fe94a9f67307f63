"""The commands that draw pictures with a trained flow."""

import pathlib
import re
import sys

import numpy as np

from training import pictures
from training.errors import UserError
from training.flow_sources import read_directions
from training.images import read_image
from training.tracked import tracked
from training.trained_flow import open_flow

__all__ = ['interpolate', 'manipulate', 'reconstruct', 'sample']


def sample(
  path: str, *, number, temperature, seed, output, files, scale
) -> None:
  """Writes samples, at each temperature those of the same latents.

  Args:
    path: of the flow.
    number: how many images.
    temperature: a list of factors of the latents.
    seed: of the latents.
    output: the PNG file, or the folder; None for the default.
    files: whether each image goes into a file of its own.
    scale: pixels a side that a pixel becomes, or None.
  """
  target = _Target(output, files, scale)
  flow = open_flow(path)
  width = int(np.ceil(np.sqrt(number)))
  rows, names = [], {}
  with_text = [f'{value:g}' for value in temperature]
  for value, text in zip(temperature, with_text, strict=True):
    images = _sampled(flow, number, value, seed)
    for start in range(0, number, width):
      label = f'T = {text}' if start == 0 else ''
      rows.append((label, images[start : start + width]))
    for i, image in enumerate(images):
      names[f'T{text}_{i:04}.png'] = image
  target.write(
    flow, f'samples_{"_".join(with_text)}_{seed}', rows, names, f'Seed {seed}'
  )


def reconstruct(
  path: str, *images: str, number, resize, convert, output, files, scale
) -> None:
  """Writes images and decode(encode(x)) of them.

  Args:
    path: of the flow.
    *images: files or 'test:N'; none for `number` test images.
    number: how many test images.
    resize: see `read_image`.
    convert: see `read_image`.
    output: as in `sample`.
    files: as in `sample`.
    scale: as in `sample`.
  """
  target = _Target(output, files, scale)
  flow = open_flow(path)
  if images:
    given, names = _read(flow, images, resize, convert)
  else:
    given = _test_images(flow)
    chosen = np.linspace(0, len(given) - 1, min(number, len(given))).astype(int)
    given, names = given[chosen], [f'test_{i}' for i in chosen]
  decoded = flow.decode(flow.encode(given))
  # The flow sees so many bits of a pixel, and gives these back.
  step = 2 ** (8 - flow.num_bits)
  kept = given // step * step
  error = int(np.max(np.abs(decoded.astype(int) - kept)))
  width = 16
  rows = []
  for start in range(0, len(given), width):
    here = slice(start, start + width)
    rows += [('x', given[here]), ('decode(encode(x))', decoded[here])]
  same = sum(np.array_equal(a, b) for a, b in zip(kept, decoded, strict=True))
  title = f'{same} of {len(given)} the same; largest difference {error} of 255'
  if step > 1:
    title += f', in {flow.num_bits} bits'
  target.write(
    flow,
    'reconstruct',
    rows,
    {f'{n}.png': x for n, x in zip(names, decoded, strict=True)},
    title,
  )
  print(title)


def interpolate(
  path: str,
  first: str,
  second: str,
  *,
  steps,
  method,
  resize,
  convert,
  output,
  files,
  scale,
) -> None:
  """Writes the images between two images.

  Args:
    path: of the flow.
    first: a file or 'test:N'.
    second: another.
    steps: how many images, the two among them.
    method: 'linear' or 'spherical'.
    resize: see `read_image`.
    convert: see `read_image`.
    output: as in `sample`.
    files: as in `sample`.
    scale: as in `sample`.
  """
  target = _Target(output, files, scale)
  flow = open_flow(path)
  (a, b), names = _read(flow, [first, second], resize, convert)
  way = flow.interpolate(a[np.newaxis], b[np.newaxis], steps, method)[0]
  target.write(
    flow,
    f'interpolate_{names[0]}_{names[1]}',
    [('', way)],
    {f'{i:03}.png': image for i, image in enumerate(way)},
    f'From {names[0]} to {names[1]}, {method}',
  )


def manipulate(
  path: str,
  *images: str,
  attribute,
  strengths,
  level,
  directions,
  resize,
  convert,
  output,
  files,
  scale,
) -> None:
  """Writes images with more and less of attributes, a row for each.

  Args:
    path: of the flow.
    *images: files or 'test:N'.
    attribute: names.
    strengths: how far to go.
    level: the only level whose latents are moved, or None.
    directions: the .npz file of the directions; None for the flow's own.
    resize: see `read_image`.
    convert: see `read_image`.
    output: as in `sample`.
    files: as in `sample`.
    scale: as in `sample`.
  """
  target = _Target(output, files, scale)
  flow = open_flow(path)
  if directions:
    flow.directions = read_directions(directions, flow.image_shape)
  given, names = _read(flow, images, resize, convert)
  texts = [f'{value:+.3g}' if value else '0' for value in strengths]
  rows, single = [], {}
  for wanted in attribute:
    moved = flow.manipulate(given, wanted, strengths, level)
    for image, row, name in zip(given, moved, names, strict=True):
      label = wanted if len(given) == 1 else f'{wanted}, {name}'
      rows.append((label, np.concatenate([image[np.newaxis], row])))
      for text, changed in zip(texts, row, strict=True):
        single[f'{name}_{wanted}_{text}.png'] = changed
  where = '' if level is None else f', level {level}'
  target.write(
    flow,
    '_'.join(['manipulate', *attribute, *names[:3]]),
    rows,
    single,
    f'Strengths along the directions of {", ".join(attribute)}{where}',
    ['image', *texts],
  )


class _Target:
  """Where pictures go, and in which form.

  Args:
    output: the PNG file, or the folder; None for the default.
    files: whether each image goes into a file of its own.
    scale: pixels a side that a pixel becomes, or None.
  """

  def __init__(self, output, files, scale):
    self._output = None if output is None else pathlib.Path(output)
    self._files, self._scale = files, scale
    if self._output is None:
      return
    # Before anything is computed.
    if files and self._output.exists() and not self._output.is_dir():
      raise UserError(
        f'--output {output} is a file; with --files it must be a folder.'
      )
    if not files and (
      self._output.is_dir() or self._output.suffix.lower() != '.png'
    ):
      raise UserError(
        f'--output {output} must be the name of a PNG file, as picture.png; '
        'with --files it is a folder.'
      )

  def write(self, flow, name, rows, single, title, columns=()):
    """Writes the rows, or the images of `single` by the names of their files.

    Args:
      flow: whose folder is the default.
      name: of the file or folder, where none was given.
      rows: as `pictures.write_rows` takes them.
      single: file name -> image.
      title: of the rows.
      columns: their names.
    """
    if flow.not_finite:
      print(
        f'{flow.not_finite} images have values that are not finite, and pixels '
        'that mean nothing: take a lower temperature or strength, or train '
        'longer.',
        file=sys.stderr,
      )
    name = _file_name(name)
    path = self._output or flow.folder / (
      name if self._files else name + '.png'
    )
    if not self._files:
      pictures.write_rows(path, rows, title, columns, self._scale)
      print(f'Wrote {path}')
      return
    for file, image in single.items():
      pictures.write_image(path / _file_name(file), image, self._scale or 1)
    print(f'Wrote {len(single)} files into {path}')


def _file_name(text):
  return re.sub(r'[^\w.,+-]+', '_', text)


def _sampled(flow, number, temperature, seed):
  size = flow.batch_size
  starts = range(0, number, size)
  parts = [
    flow.sample(min(size, number - start), temperature, seed, start)
    for start in tracked(
      starts, number, 'drew {} images', lambda start: min(size, number - start)
    )
  ]
  return np.concatenate(parts)


def _read(flow, images, resize, convert):
  """(uint8 [N, H, W, C], names) of files and of 'test:N'."""
  pixels, names = [], []
  for text in images:
    match = re.fullmatch(r'test:(\d+)', text)
    if match:
      found, number = _test_images(flow), int(match[1])
      if number >= len(found):
        raise UserError(
          f'{text}: there are {len(found)} test images, from 0 to '
          f'{len(found) - 1}.'
        )
      pixels.append(found[number])
      names.append(f'test_{number}')
    else:
      pixels.append(read_image(text, flow.image_shape, resize, convert))
      names.append(pathlib.Path(text).stem)
  return np.stack(pixels), _distinct(names)


def _distinct(names):
  """Names of files, with a number where there would be several of one."""
  names, result = [_file_name(name) for name in names], []
  for name in names:
    found, number = name, 0
    while found in result or (names.count(name) > 1 and found in names):
      number += 1
      found = f'{name}_{number}'
    result.append(found)
  return result


def _test_images(flow):
  if flow.dataset is None:
    raise UserError(
      f'{flow.path} does not tell what data it was trained on, so that there '
      'are no test images: name files.'
    )
  return flow.test_images
