"""Times a training step and `log_prob`, relative to `tfb.Glow`.

python -m benchmarks.training [OUT.json]
"""

import sys

import tensorflow as tf

from benchmarks import peers, report, timing

FLOWS = [
  peers.REFERENCE,
  'cinc',
  'cinc, bfloat16',
  'cinc_paper',
  'cinc_paper, checkpoint',
  'cinc_paper, reversible',
  'cinc_paper, bfloat16',
  'cinc_paper, quad',
  'cinc_paper, quad, bfloat16',
  '1x1 only',
]


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  images = peers.random_images(64)
  steps, densities = {}, {}
  for name in FLOWS:
    flow = peers.flow(name)
    step = peers.train_step(flow)
    density = tf.function(flow.log_prob, autograph=False)
    steps[name] = lambda step=step: step(images).numpy()
    densities[name] = lambda density=density: density(images).numpy()
  if peers.has_normflows():
    for kind, bfloat16 in (('', False), (', bfloat16', True)):
      glow = peers.NormflowsGlow(bfloat16)
      name = f'normflows Glow{kind}'
      steps[name] = lambda glow=glow: glow.train(64)
      densities[name] = lambda glow=glow: glow.log_prob(64)
  steps = timing.medians(steps, rounds=7)
  densities = timing.medians(densities, rounds=7)
  rows = [
    {
      'flow': name,
      'training step, s': steps[name],
      'training step, ratio': steps[name] / steps[peers.REFERENCE],
      'log_prob, s': densities[name],
      'log_prob, ratio': densities[name] / densities[peers.REFERENCE],
    }
    for name in steps
  ]
  report.write(
    'Training step and `log_prob` of 64 images',
    'Ratios are relative to tfb.Glow with its default networks of 400 '
    'channels; the others have 512 unless stated. 32x32x3, L=3, D=4, '
    'Adam, medians of 7 calls.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
