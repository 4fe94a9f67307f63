"""Checks of arguments whose value is one of several names."""

import difflib
from collections.abc import Iterable

__all__ = ['check_choice', 'nearest_name']


def nearest_name(value: str, names: Iterable[str]) -> str:
  """Returns a hint ' (did you mean ...?)', or '' if no name is similar."""
  near = difflib.get_close_matches(str(value), list(names), n=1, cutoff=0.5)
  return f' (did you mean {near[0]!r}?)' if near else ''


def check_choice(argument: str, value: str, choices: Iterable[str]) -> str:
  """Returns `value` if it is in `choices`, or raises `ValueError`."""
  choices = list(choices)
  if value in choices:
    return value
  raise ValueError(
    f'`{argument}` is {value!r}; it must be one of {choices}'
    f'{nearest_name(value, choices)}.'
  )
