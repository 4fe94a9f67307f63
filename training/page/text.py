"""Escaping of text for Streamlit."""

import re

__all__ = ['literal']


def literal(text: str) -> str:
  """Escapes Markdown in a text such as a file name."""
  return re.sub(r'([\\`*_\[\]<>$:#~])', r'\\\1', text)
