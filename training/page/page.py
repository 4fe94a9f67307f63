"""The content of the page; `script.py` draws it."""

import functools

import streamlit

from . import labels, panels, pictures
from .flow_menu import get_menu
from .text import literal

__all__ = ['main']

# In this order; the first is open at first.
_PANELS = {
  'Change': panels.change,
  'Sample': panels.sample,
  'Interpolate': panels.interpolate,
  'Score': panels.score,
}

_LABEL_BOX_TITLE = 'Label given to the flow'

# Less space at the top; images without rounded corners, because some have few
# pixels, and not wider than their column; and visible errors about files, which
# Streamlit shows only to screen readers and under the pointer.
_STYLE = """<style>
.stMainBlockContainer {padding-top: 2rem}
img {border-radius: 0 !important; max-width: 100%}
.stFileChip {flex-wrap: wrap}
.stFileChip [role=alert] {
  position: static !important; clip: auto !important; flex-basis: 100%;
  width: auto !important; height: auto !important; margin: 0 !important;
  white-space: normal !important;
}
</style>"""


def main():
  """Draws the page of the flow that the visitor has chosen."""
  # With a single flow, Streamlit shows no menu.
  pages = [
    streamlit.Page(
      functools.partial(_draw, path),
      title=literal(path),
      url_path=path.replace('/', '_'),
    )
    for path in get_menu().paths
  ]
  streamlit.navigation(pages, position='top').run()


def _draw(path):
  """Draws the page of a flow; only the open tab computes anything."""
  with streamlit.spinner(f'Opening {path} and tracing its functions ...'):
    flow = get_menu().open(path)
  streamlit.set_page_config(page_title=path)
  streamlit.html(_STYLE)
  streamlit.title(literal(path), anchor=False)
  height, width, channels = flow.image_shape
  kind = 'gray' if channels == 1 else 'color'
  streamlit.caption(
    f'A flow over {kind} images of {width}x{height} pixels, trained on '
    f'{literal(flow.name)}. It runs only on this machine, and your images '
    'are not stored.'
  )
  left, right = streamlit.columns(2, gap='large')
  with left:
    image, own = pictures.choose(flow, 'Image', 'image')
    label = labels.choose_label(flow, own, 'label', _LABEL_BOX_TITLE)
  with right:
    if image is None:
      streamlit.info('Choose an image file.')
    else:
      pictures.show(flow.keep_bits(image), 'Input of the flow')
  names = list(_PANELS)
  # On the page of a run, this tab says how to learn directions.
  if flow.examples is not None and not flow.can_change:
    names.remove('Change')
  tabs = streamlit.tabs(names, key='panel', on_change='rerun')
  for tab, name in zip(tabs, names, strict=True):
    if tab.open:
      with tab:
        _PANELS[name](flow, image, label)
