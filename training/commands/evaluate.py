"""tfp-cinc evaluate."""

import click
import numpy as np

from ..errors import UserError
from ..progress import tracked
from .condition import given_label
from .options import click_command, data_options, flow_argument, noise_options

__all__ = ['command']

_WORDS = {
  'label': 'class',
  'values': 'attributes',
  'low_resolution': 'low resolution',
  'mask': 'masked image',
}


@click_command(
  'evaluate',
  'runs/cinc_photos --noise-draws 32',
  short_help='Print the bits/dim of images.',
)
@flow_argument
@data_options('test')
@noise_options(8)
@click.option(
  '--classify',
  type=click.IntRange(0, 10**9),
  default=512,
  show_default=True,
  metavar='N',
  help='Classify the first N images if the flow is conditional on classes, at '
  'the cost of one density for each class.',
)
def command(path, split, data, limit, noise_draws, seed, classify):
  """Print the bits/dim of images, with its standard error and by level.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. Lower is better. The bits/dim
  of the levels add up to the total. For a conditional flow they are those given
  the condition of each image.
  """
  from ..data.splits import find_split
  from ..trained import open_flow
  from ..trained.own_data import own_data, own_labels

  flow = open_flow(path)
  dataset, split = own_data(flow, data, split, 'test')
  chosen = find_split(dataset, split, limit)
  if not chosen.number:
    raise UserError(f'{dataset.name} has no images in its split {split!r}.')
  by_class = flow.condition is not None and flow.condition.num_classes
  parts, classes, log_probs, first = [], [], [], 0
  for images, labels in tracked(
    chosen.batches(flow.batch_size),
    chosen.number,
    'evaluated {} images',
    lambda batch: len(batch[0]),
  ):
    labels = own_labels(flow, dataset, labels)
    given = flow.condition_of(images, labels, first)
    parts.append(
      flow.bits_per_dim_by_level(
        images, noise_draws, seed, first, condition=given
      )
    )
    if by_class:
      classes.append(labels)
      some = images[: max(classify - first, 0)]
      log_probs.append(-_bits_given_each_class(flow, some, seed, first))
    first += len(images)
  levels = np.concatenate(parts)
  bits = levels.sum(axis=1)
  learned = flow.noise == 'variational'
  noise = 'draws of variational noise' if learned else 'noise draws'
  given = ''
  if flow.condition is not None:
    given = f' given the {_WORDS[flow.condition.input.kind]}'
  print(
    f'{split.capitalize()} bits/dim{given} {np.mean(bits):.4f} +- '
    f'{_standard_error(bits):.4f} (standard error over {len(bits)} images of '
    f'{dataset.name}, {noise_draws} {noise} each)'
  )
  if flow.noise_scale:
    print(
      f'Trained with Gaussian noise of scale {flow.noise_scale:g}; training '
      'with uniform noise gives lower bits/dim.'
    )
  sizes = np.bincount(flow.latent_levels)
  if len(sizes) > 1:
    print('By level; the levels add up to that:')
    for level, size in enumerate(sizes):
      values = levels[:, level]
      print(
        f'  level {level}: {np.mean(values):7.4f} +- '
        f'{_standard_error(values):.4f}, {size} latents'
      )
  if by_class:
    _print_classes(
      flow, bits, np.concatenate(classes), np.concatenate(log_probs)
    )


def _bits_given_each_class(flow, images, seed, first):
  """Returns the bits/dim of images given each class, [N, K], same noise."""
  bits = [
    flow.bits_per_dim(
      images,
      1,
      seed,
      first=first,
      condition=given_label(flow, np.int64(label), len(images)),
    )
    for label in range(flow.condition.num_classes)
  ]
  return np.stack(bits, axis=1)


def _print_classes(flow, bits, labels, log_probs):
  """Prints the bits/dim of each class, and the accuracy by Bayes' rule."""
  from ..loop.conditional.classification import Classification, bits_by_class

  print('By class:')
  names = flow.condition.class_names
  for name, value in bits_by_class(bits, labels, names).items():
    print(
      f'  {name}: {value:.4f}, {np.sum(labels == names.index(name))} images'
    )
  if len(log_probs):
    found = Classification.of(log_probs, labels[: len(log_probs)])
    print(
      f'Most probable under their own class: {found.accuracy:.2%} +- '
      f'{found.standard_error:.2%} (standard error over {found.number} images)'
    )


def _standard_error(values):
  return np.std(values) / np.sqrt(len(values))
