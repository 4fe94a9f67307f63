"""The option --condition: the class or the attributes of images."""

import click
import numpy as np

from ..errors import UserError, did_you_mean

__all__ = [
  'condition_option',
  'conditions_option',
  'given_label',
  'parse_label',
  'parse_labels',
]

_MOST_NAMES = 20  # in a message
_HELP = (
  'Condition of a flow that is conditional on labels: a class, by name or '
  'number, or attributes that an image has, such as Smiling,Young, or none.'
)

condition_option = click.option(
  '--condition',
  metavar='NAME',
  help=f'{_HELP} [default: the label of a test image]',
)

conditions_option = click.option(
  '--condition',
  metavar='NAME',
  multiple=True,
  help=f'{_HELP} Can be repeated.',
)


def parse_labels(flow, texts, option: str = '--condition') -> np.ndarray:
  """Returns the labels that a user names.

  Args:
    flow: `TrainedFlow`.
    texts: Texts as in `parse_label`.
    option: Name of the option, for messages.

  Returns:
    int64 [N], classes, or [N, A], attributes.

  Raises:
    UserError: See `parse_label`.
  """
  return np.stack([parse_label(flow, text, option) for text in texts])


def parse_label(flow, text: str, option: str = '--condition') -> np.ndarray:
  """Returns the label that a user names.

  Args:
    flow: `TrainedFlow`.
    text: Name or number of a class; or names of attributes separated by
      commas, or 'none'.
    option: Name of the option, for messages.

  Returns:
    int64 [], a class, or [A], attributes that are 0 or 1.

  Raises:
    UserError: If the flow is not conditional on labels, or the label is
      unknown.
  """
  condition = flow.condition
  if condition is None:
    raise UserError(f'{flow.path} is not conditional; leave out {option}.')
  if not condition.takes_labels:
    kind = condition.input.kind.replace('_', ' ')
    raise UserError(
      f'{flow.path} is conditional on a {kind}, not on labels; leave out '
      f'{option}.'
    )
  names = condition.label_names or tuple(map(str, range(condition.channels)))
  if condition.num_classes is not None:
    return np.int64(_place(text.strip(), names, option, 'class', 'classes'))
  label = np.zeros([len(names)], np.int64)
  if text.strip() != 'none':
    for part in text.split(','):
      place = _place(part.strip(), names, option, 'attribute', 'attributes')
      label[place] = 1
  return label


def _place(text, names, option, one, several):
  """Returns the position of a name, which may also be given as a number."""
  if text in names:
    return names.index(text)
  if text.isdecimal() and int(text) < len(names):
    return int(text)
  known = ', '.join(names[:_MOST_NAMES])
  if len(names) > _MOST_NAMES:
    known += f', ... ({len(names)} in all)'
  raise UserError(
    f'{option} {text!r} is no {one} of this flow{did_you_mean(text, names)}; '
    f'its {several} are {known}.'
  )


def given_label(flow, label: np.ndarray, number: int):
  """Returns one label as the condition of a number of images.

  Args:
    flow: `TrainedFlow` that is conditional on labels.
    label: See `parse_label`.
    number: Number of images.

  Returns:
    The argument `condition` of the methods of `TrainedFlow`.
  """
  labels = np.repeat(np.asarray(label)[np.newaxis], number, 0)
  return flow.condition.inputs(None, labels)
