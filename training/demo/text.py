"""Text that is shown as it is."""

import re

__all__ = ['literal']


def literal(text: str) -> str:
  """A text, such as a file's name, for Streamlit, which reads Markdown."""
  return re.sub(r'([\\`*_\[\]<>$:#~])', r'\\\1', text)
