"""Lets the user choose the label given which a conditional flow is used."""

import streamlit

from .served import Label, Served

__all__ = ['choose_label', 'words_of']


def choose_label(flow: Served, own: Label, key: str, title: str = '') -> Label:
  """Asks for a class, or for the attributes that an image has.

  Args:
    flow: The flow.
    own: The label that is chosen at first; None for the first class or no
      attributes.
    key: Prefix of the key of its widget, unique on the page. An image with
      another label gets another widget, so that its own label is chosen.
    title: Title; '' for 'Class' or 'Attributes'.

  Returns:
    The label; None if the flow is not conditional.
  """
  names = flow.label_names
  if names is None:
    return None
  kept = {'key': f'{key}_{own}', 'persist_state': 'page'}
  if flow.has_classes:
    return streamlit.selectbox(
      title or 'Class',
      range(len(names)),
      own or 0,
      format_func=names.__getitem__,
      **kept,
    )
  default = [] if own is None else [i for i, has in enumerate(own) if has]
  chosen = streamlit.multiselect(
    title or 'Attributes of the image',
    range(len(names)),
    default,
    format_func=names.__getitem__,
    **kept,
  )
  return tuple(int(place in chosen) for place in range(len(names)))


def words_of(flow: Served, label: Label) -> str:
  """Returns a label in words, '' if the flow is not conditional."""
  if label is None:
    return ''
  if flow.has_classes:
    return flow.label_names[label]
  found = [n for n, has in zip(flow.label_names, label, strict=True) if has]
  return ', '.join(found) or 'no attribute'
