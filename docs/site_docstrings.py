"""Griffe extension that converts docstrings for the API pages of the site."""

import re
import textwrap

import griffe

__all__ = ['Docstrings']

_FENCED = re.compile(r'(^```.*?^```$)', re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r'^(?:Args|Attributes|Returns|Raises):$', re.MULTILINE)
# Lines from the first '>>>' to the end of the paragraph.
_DOCTEST = re.compile(r'^>>> .*\n?(?:.+\n?)*', re.MULTILINE)
# An indented paragraph: a formula or code.
_INDENTED = re.compile(r'(?<=\n\n)(?: {2}.*\n)+(?=\n|\Z)')


class Docstrings(griffe.Extension):
  """Converts the parts of docstrings that are not Markdown.

  Doctests and indented paragraphs become code blocks. Markdown would render
  doctests as quotations and rewrap indented paragraphs. The heading of an
  example becomes a line of bold text, because it is not a section of the page.
  """

  def on_object(self, *, obj: griffe.Object, **_) -> None:
    """Converts the docstring of a class, function, module or attribute."""
    if obj.docstring is None:
      return
    text = obj.docstring.value.replace('#### Example\n', '**Example**\n') + '\n'
    parts = _FENCED.split(text)
    parts[::2] = map(_without_fences, parts[::2])
    obj.docstring.value = ''.join(parts)


def _without_fences(text):
  """Converts a part of a docstring that is outside of code blocks."""
  section = _SECTION.search(text)
  head = len(text) if section is None else section.start()
  before = _INDENTED.sub(lambda m: _block('text', m[0]), text[:head])
  return _DOCTEST.sub(lambda m: _block('pycon', m[0]), before + text[head:])


def _block(language, content):
  return f'```{language}\n{textwrap.dedent(content).rstrip()}\n```\n'
