"""How much of the package one `log_prob` walks through."""

import pathlib
import runpy

import tensorflow as tf

import tfp_cinc

SCRIPT = pathlib.Path(__file__).parents[2] / 'docs' / 'walk_log_prob.py'


def test_a_log_prob_stays_readable():
  """Raise these numbers only for a good reason: each is a file to open."""
  script = runpy.run_path(str(SCRIPT))
  flow = tfp_cinc.models.cinc([4, 4, 1], levels=1, depth=1)
  images = tf.zeros([1, 4, 4, 1])
  files = script['files_of_calls'](lambda: flow.log_prob(images))
  assert len(set(files)) <= 14
  assert script['count_switches'](files) <= 45
