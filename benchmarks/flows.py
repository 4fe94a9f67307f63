"""Training steps, samples and first steps of our flows against `tfb.Glow`.

  python -m benchmarks.flows [OUT.json]

32x32x3 images, L=3, D=4, coupling networks of 512 channels, `tfb.Glow` with its
default networks. All in one process, in turn; medians and ratios.
"""

import sys
import time

import tensorflow as tf

from benchmarks import peers, timing

FLOWS = {
  'tfb.Glow': lambda images: peers.tfb_glow(images=images),
  'cinc': lambda images: peers.ours(images=images),
  'cinc, quad': lambda images: peers.ours(images=images, coupling='quad'),
  'cinc, reversible': lambda images: peers.ours(
    images=images, memory='reversible'
  ),
  'cinc, bfloat16': lambda images: peers.ours(
    images=images, network_dtype='bfloat16'
  ),
  'glow': lambda images: peers.ours('glow', images),
}


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  images = tf.random.stateless_uniform([64, *peers.IMAGE_SHAPE], [0, 0]) - 0.5
  first, steps, samples, densities = {}, {}, {}, {}
  for name, make in FLOWS.items():
    flow = make(images[:16])
    started = time.perf_counter()
    step = peers.train_step(flow)
    step(images)
    first[name] = time.perf_counter() - started
    steps[name] = lambda step=step: step(images).numpy()
    sample = tf.function(lambda flow=flow: flow.sample(100), autograph=False)
    samples[name] = lambda sample=sample: sample().numpy()
    density = tf.function(flow.log_prob, autograph=False)
    densities[name] = lambda density=density: density(images).numpy()
  table = {
    'first step': first,
    'training step, 64 images': timing.medians(steps, rounds=7),
    '100 samples': timing.medians(samples, rounds=7),
    'log_prob, 64 images': timing.medians(densities, rounds=7),
  }
  print(f'Seconds, and as parts of tfb.Glow; {timing.machine()}')
  rows = []
  for what, seconds in table.items():
    print(what)
    for name, value in seconds.items():
      ratio = value / seconds['tfb.Glow']
      rows.append(
        {'what': what, 'flow': name, 'seconds': value, 'ratio': ratio}
      )
      print(f'  {name:<18} {value:>8.3f} s {ratio:>6.2f}')
  if out:
    timing.write_json(out, rows)


if __name__ == '__main__':
  main(*sys.argv[1:])
