"""The page itself: Streamlit runs this script anew at each change of it."""

import streamlit

from training.demo import panels, pictures, served
from training.demo.text import literal

_PANELS = {
  'Change': panels.change,
  'Sample': panels.sample,
  'Interpolate': panels.interpolate,
  'Score': panels.score,
}

# Less white above; images to their corners, of which some have few pixels, and
# no wider than their column; and what is wrong with a file in sight, which
# Streamlit has for screen readers and the pointer alone.
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
  """Draws the page; of the tabs only the open one computes."""
  flow = served.current()
  streamlit.set_page_config(page_title=f'Flow of {flow.name}')
  streamlit.html(_STYLE)
  streamlit.title(literal(f'Flow of {flow.name}'), anchor=False)
  height, width, channels = flow.image_shape
  kind = 'grey' if channels == 1 else 'colour'
  streamlit.caption(
    f'A flow over {kind} images of {width}x{height} pixels. It runs on this '
    'machine alone, and nothing is kept.'
  )
  left, right = streamlit.columns(2, gap='large')
  with left:
    image = pictures.choose(flow, 'Image', 'image')
  with right:
    if image is None:
      streamlit.info('Give an image file, or take another one.')
    else:
      pictures.show(image, 'The image as the flow takes it')
  tabs = streamlit.tabs(list(_PANELS), key='panel', on_change='rerun')
  for tab, panel in zip(tabs, _PANELS.values(), strict=True):
    if tab.open:
      with tab:
        panel(flow, image)


main()
