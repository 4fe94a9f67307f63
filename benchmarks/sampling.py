"""The time to draw 100 images, against `tfb.Glow` and normflows.

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
  '1x1 alone',
  '1x1 alone, bfloat16',
]


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
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
    '100 samples',
    'Ratios to tfb.Glow with its default networks, which have 400 channels; '
    'the others have 512. 32x32x3, L=3, D=4, medians of 9.',
    timing.ratios(seconds, peers.REFERENCE),
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
