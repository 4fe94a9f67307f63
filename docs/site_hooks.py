"""What MkDocs calls when it builds the site: formulas become MathML."""

import html
import re

from latex2mathml import converter

# What pymdownx.arithmatex makes of $x$ and of $$x$$.
_FORMULA = re.compile(
  r'<(?P<tag>span|div) class="arithmatex">'
  r'\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>',
  re.DOTALL,
)


def on_page_content(content: str, **_) -> str:
  """Puts MathML, which browsers draw by themselves, for each formula."""

  def to_mathml(match):
    display = 'inline' if match['tag'] == 'span' else 'block'
    return converter.convert(html.unescape(match['tex']), display=display)

  return _FORMULA.sub(to_mathml, content)
