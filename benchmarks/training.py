"""The time of a training step and of a density, against the peers.

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
  '1x1 alone',
]


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
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
      'ratio of steps': steps[name] / steps[peers.REFERENCE],
      'log_prob, s': densities[name],
      'ratio of log_prob': densities[name] / densities[peers.REFERENCE],
    }
    for name in steps
  ]
  report.write(
    'A training step and a density of 64 images',
    'Ratios to tfb.Glow with its default networks, which have 400 channels; '
    'the others have 512. 32x32x3, L=3, D=4, Adam, medians of 7.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
