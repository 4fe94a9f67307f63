"""Errors that are the user's to mend."""

__all__ = ['UserError']


class UserError(Exception):
  """Something in the call is wrong; the message is one clear sentence."""
