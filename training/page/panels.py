"""The tabs of the page, one function for each.

Each is a Streamlit fragment: moving one of its sliders runs only this function
again.
"""

import altair
import numpy as np
import streamlit

from .labels import choose_label, words_of
from .pictures import choose, grid, show
from .served import NUMBERS, Label, Served

__all__ = ['change', 'interpolate', 'sample', 'score']

_SLIDERS = 4  # attributes that are shown at first
_STRONGEST = 3.0  # 1 moves from the mean without the attribute to that with it
_KEPT = {'persist_state': 'page'}  # keeps values while another tab is open


@streamlit.fragment
def change(flow: Served, image: np.ndarray | None, label: Label) -> None:
  """Moves an image along the directions of attributes, or changes its label."""
  if flow.directions is None and label is None:
    streamlit.info(
      'This flow has no attribute directions; learn them from labeled images '
      'with `tfp-cinc attributes`.'
    )
    return
  if image is None:
    return
  left, right = streamlit.columns(2, gap='large')
  moved, level = {}, None
  with left:
    to = choose_label(flow, label, 'to', 'Decode under')
    if flow.directions is not None:
      moved, level = _moves(flow)
  parts = [f'{name} {value:+.1f}' for name, value in moved.items()]
  if to != label:
    parts.insert(0, f'Decoded under {words_of(flow, to)}')
  with right, streamlit.spinner('Decoding ...'):
    show(
      flow.change(image, moved, level, label, to),
      ', '.join(parts) or 'Encoded and decoded',
    )


def _moves(flow):
  """Returns the strengths other than 0 by attribute, and the level."""
  names = streamlit.multiselect(
    'Attributes',
    flow.directions.names,
    default=flow.directions.names[:_SLIDERS],
    key='attributes',
    **_KEPT,
  )
  strengths = {name: _strength(name) for name in names}
  moved = {name: value for name, value in strengths.items() if value}
  return moved, _level(flow.levels)


def _strength(name):
  return streamlit.slider(
    name,
    -_STRONGEST,
    _STRONGEST,
    0.0,
    0.1,
    format='%+.1f',
    key=f'strength_{name}',
    **_KEPT,
  )


def _level(levels):
  """Returns the only level to change, or None for all levels."""
  if levels == 1:
    return None
  names = [f'{level}' for level in range(levels)]
  names[0] += ' (finest)'
  names[-1] += ' (coarsest)'
  options = dict(zip(['All', *names], [None, *range(levels)], strict=True))
  return options[
    streamlit.selectbox(
      'Level of the latents to change',
      options,
      key='level',
      **_KEPT,
    )
  ]


@streamlit.fragment
def sample(flow: Served, image: np.ndarray | None, label: Label) -> None:
  """Shows samples at a temperature."""
  state = streamlit.session_state
  left, right = streamlit.columns([2, 3], gap='large')
  with left:
    temperature = streamlit.slider(
      'Temperature', 0.0, 1.5, 0.7, 0.05, key='temperature', **_KEPT
    )
    number = streamlit.select_slider(
      'Samples', NUMBERS, NUMBERS[1], key='samples', **_KEPT
    )
    if streamlit.button('New samples', icon=':material/refresh:'):
      state.sample_seed = state.get('sample_seed', 0) + 1
    streamlit.caption(
      'The temperature is the standard deviation of the latents. At 1 these '
      'are samples of the learned distribution; at lower temperatures the '
      'images are simpler and more alike.'
    )
  with right, streamlit.spinner('Sampling ...'):
    seed = state.get('sample_seed', 0)
    images = flow.sample(number, temperature, seed, label)
    caption = f'Temperature {temperature:g}, seed {seed}'
    if label is not None:
      caption = f'{words_of(flow, label)}, t{caption[1:]}'
    show(grid(images), caption, side=384)


@streamlit.fragment
def interpolate(flow: Served, image: np.ndarray | None, label: Label) -> None:
  """Shows images between the image and another one, in latent space."""
  left, right = streamlit.columns(2, gap='large')
  with left:
    other, _ = choose(flow, 'Second image', 'other', number=1)
  with right:
    method = streamlit.segmented_control(
      'Path',
      ['linear', 'spherical'],
      default='linear',
      required=True,
      key='path',
      **_KEPT,
    )
    steps = streamlit.slider('Images', 3, 15, 8, key='steps', **_KEPT)
  if image is None or other is None:
    return
  with streamlit.spinner('Decoding ...'):
    images = flow.interpolate(image, other, steps, method, label)
  with streamlit.container(horizontal=True, gap='xsmall'):
    for place, between in enumerate(images):
      show(between, f'{place / (steps - 1):.0%}', side=80)


@streamlit.fragment
def score(flow: Served, image: np.ndarray | None, label: Label) -> None:
  """Compares the bits/dim of the image with those of test images."""
  if image is None:
    return
  with streamlit.spinner('Scoring ...'):
    levels = flow.bits_per_dim(image, label)
  bits = float(levels.sum())
  bar = streamlit.empty()
  words = f'{flow.kind} images'
  known_bits = flow.known_bits(
    lambda share: bar.progress(share, f'Scoring the {words} (only once) ...')
  )
  bar.empty()
  left, right = streamlit.columns([1, 3], gap='large')
  with left:
    streamlit.metric('Bits/dim', f'{bits:.3f}')
    if len(levels) > 1:
      streamlit.caption(
        'By level: ' + ', '.join(f'{level:.3f}' for level in levels)
      )
  with right:
    if known_bits is None:
      streamlit.caption('There is no test set to compare with.')
    elif not np.isfinite(bits):
      streamlit.caption('The density of this image is not finite.')
    else:
      known_bits = known_bits[np.isfinite(known_bits)]
      below = np.mean(known_bits < bits)
      streamlit.markdown(
        f'{below:.0%} of {len(known_bits)} {words} have lower bits/dim.'
      )
      streamlit.altair_chart(
        _histogram(known_bits, bits, words),
        alt=f'Histogram of the bits/dim of {words}, with the image marked',
      )
  streamlit.caption(
    f'Low bits/dim do not mean that an image is similar to the {words}: '
    'uniform or smooth images of another kind often have lower bits/dim than '
    f'all {words}. An image far to the left or right of the histogram '
    'differs from them; an image within it may differ as well.'
  )


def _histogram(known_bits, bits, words):
  """Returns a chart of images as bars and of the image as a line."""
  counts, edges = np.histogram(known_bits, bins=30)
  bars = [
    {'from': float(low), 'to': float(high), 'images': int(count)}
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
  ]
  axis = altair.X(
    'from:Q', bin='binned', title='bits/dim', scale=altair.Scale(zero=False)
  )
  chart = (
    altair.Chart(altair.Data(values=bars))
    .mark_bar()
    .encode(
      x=axis,
      x2='to:Q',
      y=altair.Y('images:Q', title=words),
      tooltip=['from:Q', 'to:Q', 'images:Q'],
    )
  )
  line = (
    altair.Chart(altair.Data(values=[{'from': bits}]))
    .mark_rule(color='#d62728', strokeWidth=3)
    .encode(x='from:Q')
  )
  return (chart + line).properties(height=240)
