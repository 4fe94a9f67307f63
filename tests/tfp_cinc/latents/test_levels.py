"""Latents and densities by level."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.tfp_cinc.latents import flows
from tfp_cinc import latents

tfd = flows.tfd


def test_each_latent_has_passed_the_layers_of_its_level():
  """Level 0 scales by 2, level 1 by 3 and level 2 by 5, one after the other."""
  flow = flows.scales(2.0, 3.0, 5.0)
  z = latents.encode(flow, tf.ones([1, *flows.SHAPE])).numpy()[0]
  expected = np.array([2.0, 6.0, 30.0])[latents.latent_levels(flow)]
  np.testing.assert_allclose(z, expected, rtol=1e-6)
  parts = latents.split_latents(flow, z[np.newaxis])
  assert [part.shape.as_list() for part in parts] == [[1, 64], [1, 32], [1, 32]]
  assert [float(part[0, 0]) for part in parts] == [2.0, 6.0, 30.0]


def test_merging_undoes_splitting():
  flow = flows.flow()
  z = tf.random.stateless_normal([3, 128], [0, 1])
  parts = latents.split_latents(flow, z)
  np.testing.assert_array_equal(latents.merge_latents(flow, parts), z)
  with pytest.raises(ValueError, match=r"levels of the flow have \[\['N', "):
    latents.merge_latents(flow, parts[:1])
  with pytest.raises(ValueError, match='`parts` have the shapes'):
    latents.merge_latents(flow, [parts[0], parts[1][:, 1:]])


def test_density_of_a_level_is_its_latents_and_its_layers():
  flow = flows.scales(2.0, 3.0)
  x = flows.values()
  _, found = latents.log_prob_by_level(flow, x)
  parts = latents.split_latents(flow, latents.encode(flow, x))
  log_dets = [128 * np.log(2.0), 64 * np.log(3.0)]
  for i, (z, log_det) in enumerate(zip(parts, log_dets, strict=True)):
    log_prob = tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(z), 1)
    np.testing.assert_allclose(found[:, i], log_prob + log_det, rtol=1e-5)


@pytest.mark.parametrize(
  ('model', 'options'),
  [
    ('cinc', {'levels': 3}),
    ('real_nvp', {'memory': 'checkpoint'}),
    ('glow', {'split_prior': False, 'condition_channels': 3}),
    ('nice', {}),
  ],
)
def test_the_levels_add_up_to_the_density(model, options):
  flow, x = flows.flow(model, **options), flows.values()
  condition, of_condition = None, flow
  if options.get('condition_channels'):
    condition = flows.labels(3)
    of_condition = tfp_cinc.given(flow, condition)
  number = 1 if model == 'nice' else options.get('levels', 2)
  assert latents.latent_levels(flow).max() == number - 1
  total, parts = latents.log_prob_by_level(flow, x, condition)
  assert parts.shape == [3, number]
  expected = of_condition.log_prob(tf.identity(x))
  np.testing.assert_allclose(total, expected, rtol=1e-5)
  np.testing.assert_allclose(tf.reduce_sum(parts, 1), expected, rtol=1e-5)
  bits = latents.bits_per_dim_by_level(parts, latents.latent_levels(flow), 6)
  expected = tfp_cinc.bits_per_dim(expected, flows.SHAPE, 6)
  np.testing.assert_allclose(tf.reduce_sum(bits, 1), expected, rtol=1e-5)


def test_in_a_graph_for_any_number_of_images():
  flow = flows.flow()
  spec = tf.TensorSpec([None, *flows.SHAPE])

  @tf.function(input_signature=[spec], autograph=False)
  def by_level(x):
    z = latents.encode(flow, x)
    same = latents.merge_latents(flow, latents.split_latents(flow, z))
    return latents.log_prob_by_level(flow, x)[1], same - z

  for number in (1, 3):
    x = flows.values(number)
    found, difference = by_level(x)
    _, expected = latents.log_prob_by_level(flow, x)
    assert found.shape == [number, 2]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    assert not np.any(difference)
  # As in `flow.log_prob`, steps that are alike are calls of one function.
  calls = [
    node
    for node in by_level.get_concrete_function().graph.as_graph_def().node
    if node.op in ('PartitionedCall', 'StatefulPartitionedCall')
  ]
  assert len(calls) == 8  # two steps of two levels, in two passes


def test_a_base_without_parts():
  flow = flows.scales(2.0, 3.0)
  base = tfd.Independent(tfd.Normal(tf.zeros(flows.SHAPE), 1.0), 3)
  x = flows.values()
  expected = latents.log_prob_by_level(flow, x)[1]
  found = latents.log_prob_by_level(flow.copy(distribution=base), x)[1]
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  base = tfd.TransformedDistribution(base, flows.tfb.Identity())
  with pytest.raises(ValueError, match='whose elements are not independent'):
    latents.log_prob_by_level(flow.copy(distribution=base), x)
