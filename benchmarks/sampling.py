"""Measures the time to draw 100 images, relative to `tfb.Glow`.

python -m benchmarks.sampling [OUT.json]
"""

import sys

import tensorflow as tf

from benchmarks import peers, report, timing

FLOWS = [
  peers.REFERENCE,
  'cinc',
  'cinc, bfloat16',
  'cinc_paper',
  'cinc_paper, bfloat16',
  'cinc_paper, 400 channels',
  'cinc_paper, quad',
  'cinc_paper, quad, bfloat16',
  '1x1 only',
  '1x1 only, bfloat16',
]


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  functions = {}
  for name in FLOWS:
    flow = peers.flow(name)
    sample = tf.function(lambda flow=flow: flow.sample(100), autograph=False)
    functions[name] = lambda sample=sample: sample().numpy()
  if peers.has_normflows():
    for kind, bfloat16 in (('', False), (', bfloat16', True)):
      glow = peers.NormflowsGlow(bfloat16)
      functions[f'normflows Glow{kind}'] = lambda glow=glow: glow.sample(100)
  seconds = timing.medians(functions, rounds=9)
  report.write(
    'Drawing 100 samples',
    'Ratios are relative to tfb.Glow with its default networks of 400 '
    'channels; the others have 512 unless stated. 32x32x3, L=3, D=4, '
    'medians of 9 calls.',
    timing.ratios(seconds, peers.REFERENCE),
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
