"""MkDocs hook that converts formulas to MathML."""

import html
import re

from latex2mathml import converter

# The output of pymdownx.arithmatex for $x$ and $$x$$.
_FORMULA = re.compile(
  r'<(?P<tag>span|div) class="arithmatex">'
  r'\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>',
  re.DOTALL,
)


def on_page_content(content: str, **_) -> str:
  """Replaces each formula with MathML, which browsers render natively."""

  def to_mathml(match):
    display = 'inline' if match['tag'] == 'span' else 'block'
    return converter.convert(html.unescape(match['tex']), display=display)

  return _FORMULA.sub(to_mathml, content)
