"""What the page lets the user do with an image, one function for each.

Each is a fragment: moving one of its sliders runs it alone anew.
"""

import altair
import numpy as np
import streamlit

from training.demo.pictures import choose, grid, show
from training.demo.served import NUMBERS, Served

__all__ = ['change', 'interpolate', 'sample', 'score']

_SLIDERS = 4  # attributes that are shown before the user asks for others
_STRONGEST = 3.0  # 1: from the average without an attribute to that with it
_KEPT = {'persist_state': 'session'}  # while another tab is open


@streamlit.fragment
def change(flow: Served, image: np.ndarray | None) -> None:
  """Moves an image along the directions of attributes."""
  if flow.directions is None:
    streamlit.info(
      'This flow has no attribute directions; learn them from labelled images '
      'by `python -m training attributes`.'
    )
    return
  if image is None:
    return
  left, right = streamlit.columns(2, gap='large')
  with left:
    names = streamlit.multiselect(
      'Attributes',
      flow.directions.names,
      default=flow.directions.names[:_SLIDERS],
      key='attributes',
      **_KEPT,
    )
    strengths = {name: _strength(name) for name in names}
    level = _level(flow.levels)
  moved = {name: value for name, value in strengths.items() if value}
  with right, streamlit.spinner('Decoding ...'):
    caption = ', '.join(f'{name} {value:+.1f}' for name, value in moved.items())
    show(
      flow.change(image, moved, level),
      caption or 'Encoded and decoded',
    )


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
  """The only level to change, or None for all."""
  if levels == 1:
    return None
  names = [f'{level}' for level in range(levels)]
  names[0] += ' (finest)'
  names[-1] += ' (coarsest)'
  options = dict(zip(['All', *names], [None, *range(levels)], strict=True))
  return options[
    streamlit.selectbox(
      'Level of the latents to change', options, key='level', **_KEPT
    )
  ]


@streamlit.fragment
def sample(flow: Served, image: np.ndarray | None) -> None:
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
      'The temperature is the standard deviation of the latents: at 1 these '
      'are samples of what the flow learned; below, images are plainer and '
      'more alike.'
    )
  with right, streamlit.spinner('Sampling ...'):
    seed = state.get('sample_seed', 0)
    images = flow.sample(number, temperature, seed)
    show(grid(images), f'Temperature {temperature:g}, seed {seed}', side=384)


@streamlit.fragment
def interpolate(flow: Served, image: np.ndarray | None) -> None:
  """Shows the way from the image to another one, through the latents."""
  left, right = streamlit.columns(2, gap='large')
  with left:
    other = choose(flow, 'To', 'other', number=1)
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
    images = flow.interpolate(image, other, steps, method)
  with streamlit.container(horizontal=True, gap='xsmall'):
    for place, between in enumerate(images):
      show(between, f'{place / (steps - 1):.0%}', side=80)


@streamlit.fragment
def score(flow: Served, image: np.ndarray | None) -> None:
  """Shows the bits/dim of the image among those of the test set."""
  if image is None:
    return
  with streamlit.spinner('Scoring ...'):
    levels = flow.bits_per_dim(image)
  bits = float(levels.sum())
  bar = streamlit.empty()
  test_bits = flow.test_bits(
    lambda share: bar.progress(share, 'Scoring the test set, once ...')
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
    if test_bits is None:
      streamlit.caption('There is no test set here to compare with.')
    elif not np.isfinite(bits):
      streamlit.caption('The density of this image is not finite.')
    else:
      test_bits = test_bits[np.isfinite(test_bits)]
      below = np.mean(test_bits < bits)
      streamlit.markdown(
        f'{below:.0%} of {len(test_bits)} test images have fewer bits/dim.'
      )
      streamlit.altair_chart(
        _histogram(test_bits, bits),
        alt='Histogram of the bits/dim of the test set, with the image marked',
      )
  streamlit.caption(
    'Few bits/dim do not make an image one of those that the flow learned: '
    'flat or smooth images of another kind often have fewer than any test '
    'image. Far to either side of the histogram an image is unlike the test '
    'set; within, it need not be like it.'
  )


def _histogram(test_bits, bits):
  """The test set's bits/dim as bars, the image's as a line."""
  counts, edges = np.histogram(test_bits, bins=30)
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
      y=altair.Y('images:Q', title='test images'),
      tooltip=['from:Q', 'to:Q', 'images:Q'],
    )
  )
  line = (
    altair.Chart(altair.Data(values=[{'from': bits}]))
    .mark_rule(color='#d62728', strokeWidth=3)
    .encode(x='from:Q')
  )
  return (chart + line).properties(height=240)
