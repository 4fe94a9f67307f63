"""Tests of the measurement of how exact the bits/dim of a run are."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.bits_per_dim.__main__ import main
from benchmarks.bits_per_dim.exactness.layer_errors import layer_errors
from tests import broken
from tests.training.known_entropy import GAUSSIAN_BITS

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def record(gaussian, tmp_path_factory):
  """The record of the run on Gaussian images, and the folder of the record."""
  out = tmp_path_factory.mktemp('records')
  main(['--honesty', str(gaussian), '--out', str(out)])
  content = json.loads((out / 'honesty.json').read_text())
  return types.SimpleNamespace(out=out, **content)


def test_bits_per_dim_agree_in_several_ways(record):
  flow, served, double, half = record.result['densities']
  assert flow['largest'] == 0
  assert flow['bits_per_dim'] == pytest.approx(GAUSSIAN_BITS, rel=0.01)
  assert served['largest'] < 1e-5
  # The ways differ, because rounding differs.
  assert 0 < double['largest'] < 1e-5
  assert 1e-5 < half['largest'] < 0.05
  assert abs(half['mean']) < 5e-3


def test_each_layer_is_inverted(record):
  layers = record.result['layers']
  assert [layer['kind'] for layer in layers] == [
    'ActNorm',
    'CInCConv2D',
    'BlockCoupling',
  ]
  for layer in layers:
    assert 0.1 < layer['largest_input'] < 10
    assert layer['float32'] < 1e-5
    assert layer['float64'] < 1e-13
  whole = record.result['whole']
  assert whole['float64'] < 1e-13 < whole['float32'] < 1e-5
  assert whole['changed_pixels'] == 0


def test_layer_with_a_wrong_inverse_is_found():
  tfb, tfd = tfp.bijectors, tfp.distributions
  right = broken.Scaled(tf.constant(0.5), name='right')
  wrong = broken.WrongInverse(tf.constant(0.5), name='wrong')
  singular = broken.Scaled(tf.constant(-200.0), name='singular')
  encoder = tfb.Chain([singular, right, wrong], name='encoder')
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 1])
  flow = tfd.TransformedDistribution(base, tfb.Invert(encoder))
  found = layer_errors(flow, tf.ones([3, 2, 2, 1]))
  assert [error.name for error in found] == [
    'encoder/wrong',
    'encoder/right',
    'encoder/singular',
  ]
  np.testing.assert_allclose(
    [error.error for error in found], [np.e - 1, 0, np.inf], atol=1e-6
  )
  np.testing.assert_allclose(
    [error.largest_input for error in found], np.exp([0, 0.5, 1]), rtol=1e-6
  )


def test_section_is_written_from_the_record(record, gaussian, tmp_path):
  first = record.result['densities'][0]
  path = tmp_path / 'results.md'
  main(['--report', '--out', str(record.out), '--page', str(path)])
  text = path.read_text().partition('<!-- honesty -->')[2]
  for line in (
    f'--workdir {gaussian} && python -m benchmarks.bits_per_dim --honesty '
    f'{gaussian} --out {record.out}`',
    f'| the flow, float32 | {first["bits_per_dim"]:.6f}',
    '| the flow, networks in bfloat16 |',
    '| CInCConv2D | 1 |',
    '| the whole flow | 1 |',
  ):
    assert line in text
  assert record.machine in text


def test_wrong_calls_are_refused(capsys, tmp_path):
  with pytest.raises(SystemExit) as ended:
    main(['--honesty', str(tmp_path)])
  assert ended.value.code == 2
  assert 'holds no run' in capsys.readouterr().err
  with pytest.raises(SystemExit) as ended:
    main(['--honesty', str(tmp_path), '--report'])
  assert 'call it without --compare' in capsys.readouterr().err
