"""What griffe does with docstrings before they become the site's API pages."""

import re
import textwrap

import griffe

__all__ = ['Docstrings']

_FENCED = re.compile(r'(^```.*?^```$)', re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r'^(?:Args|Attributes|Returns|Raises):$', re.MULTILINE)
# Lines from the first '>>>' to the end of the paragraph.
_DOCTEST = re.compile(r'^>>> .*\n?(?:.+\n?)*', re.MULTILINE)
# A paragraph that is indented: formulas, or code.
_INDENTED = re.compile(r'(?<=\n\n)(?: {2}.*\n)+(?=\n|\Z)')


class Docstrings(griffe.Extension):
  """Makes Markdown of what is no Markdown in them.

  Doctests, which it would take for quotations, become blocks of code, and so do
  indented paragraphs, which it would fill. The title of an example becomes a
  line in bold type: it is no section of the page.
  """

  def on_object(self, *, obj: griffe.Object, **_) -> None:
    """Is called for each class, function, module and attribute."""
    if obj.docstring is None:
      return
    text = obj.docstring.value.replace('#### Example\n', '**Example**\n') + '\n'
    parts = _FENCED.split(text)
    parts[::2] = map(_without_fences, parts[::2])
    obj.docstring.value = ''.join(parts)


def _without_fences(text):
  """A part of a docstring between blocks of code."""
  section = _SECTION.search(text)
  head = len(text) if section is None else section.start()
  before = _INDENTED.sub(lambda m: _block('text', m[0]), text[:head])
  return _DOCTEST.sub(lambda m: _block('pycon', m[0]), before + text[head:])


def _block(language, content):
  return f'```{language}\n{textwrap.dedent(content).rstrip()}\n```\n'
