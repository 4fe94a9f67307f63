"""Errors caused by user input."""

import difflib
from collections.abc import Iterable

__all__ = ['UserError', 'did_you_mean']


class UserError(Exception):
  """An error in the user's input; the message is one clear sentence."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
  """Returns ' (did you mean NAME?)' for the most similar name, or ''."""
  near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
  return f' (did you mean {near[0]}?)' if near else ''
