"""Between images and latents."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.tfp_cinc.latents import flows
from tfp_cinc import latents


def test_names_are_in_the_order_of_the_way_to_the_latents():
  names = latents.layer_names(flows.flow())
  assert len(names) == len(set(names))
  some = [
    'level_0_step_0/act_norm',
    'level_0_step_0',
    'level_0_step_1/coupling',
    'level_0/split_prior_0',
    'level_1_step_0',
    'level_1',
    'level_0',
  ]
  assert [name for name in names if name in some] == some
  assert latents.layer_names(flows.foreign()) == [
    'outer/softplus',
    'affine/shift',
    'affine/scale',
    'affine',
    'outer/permute',
    'outer',
  ]


@pytest.mark.parametrize(
  'layer',
  [
    'level_0_step_0/act_norm',
    'level_0_step_0/coupling',
    'level_0/split_prior_0',
    'level_1_step_0',
    'level_0',
  ],
)
def test_images_come_back_from_activations(layer):
  flow, x = flows.flow(memory='checkpoint'), flows.values()
  found = latents.activations(flow, x, layer)
  assert found.shape == [3, 128]
  again = latents.from_activations(flow, found, layer)
  np.testing.assert_allclose(again, x, atol=1e-5)


def test_activations_are_those_of_the_layer():
  flow, x = flows.flow(), flows.values()
  level_0, squeeze = flow.bijector.bijector, tfp_cinc.bijectors.Squeeze()
  first, second, prior, after_0 = level_0.bijector.bijectors[::-1]
  y = first.forward(squeeze.forward(x))
  expected = squeeze.inverse(y)  # in the place that it has among the latents
  found = latents.activations(flow, x, 'level_0_step_0')
  np.testing.assert_allclose(found, tf.reshape(expected, [3, -1]), atol=1e-5)
  # What has left before is latents already.
  found = latents.activations(flow, x, 'level_1_step_0')
  z = latents.encode(flow, x)
  left = latents.latent_levels(flow) == 0
  np.testing.assert_allclose(found.numpy()[:, left], z.numpy()[:, left])
  assert np.all(np.any(found != z, axis=0)[~left])
  step = after_0.bijector.bijector.bijectors[-1]
  y = prior.forward(second.forward(tf.identity(y)))[..., :4]
  y = squeeze.inverse(step.forward(squeeze.forward(y)))
  z = squeeze.forward(tf.reshape(z, x.shape))
  y = squeeze.inverse(tf.concat([y, z[..., 4:]], -1))
  np.testing.assert_allclose(found, tf.reshape(y, [3, -1]), atol=1e-5)


def test_what_is_left_is_a_flow_of_the_same_levels():
  flow = flows.flow()
  for layer in ('level_0_step_0', 'level_1_step_1/act_norm'):
    np.testing.assert_array_equal(
      latents.latent_levels(latents.until(flow, layer)),
      latents.latent_levels(flow),
    )
  last = latents.until(flow, 'level_0')
  x = flows.values()
  np.testing.assert_array_equal(
    latents.encode(last, x), latents.encode(flow, x)
  )


def test_of_flows_of_vectors_and_of_others():
  x = tf.constant([[1.0, 2.0, 3.0]])
  found = latents.activations(flows.foreign(), x, 'affine/shift')
  y = tf.math.log(tf.math.expm1(tf.constant([1.0, 2.0, 3.0])))
  # Softplus goes forward and the shift too; the permutation stays.
  y = tf.gather(tf.math.softplus(x[0]) + 1.0, [2, 0, 1])
  np.testing.assert_allclose(found[0], y, rtol=1e-5)
  again = latents.from_activations(flows.foreign(), found, 'affine/shift')
  np.testing.assert_allclose(again, x, rtol=1e-5)
  flow, x = flows.flow('nice'), flows.values()
  found = latents.activations(flow, x, 'encoder/coupling_0')
  again = latents.from_activations(flow, found, 'encoder/coupling_0')
  np.testing.assert_allclose(again, x, atol=1e-5)
  assert np.max(np.abs(found - latents.encode(flow, x))) > 1e-3


def test_of_a_conditional_flow():
  flow, x = flows.flow(condition_channels=3), flows.values()
  labels = flows.labels(3)
  found = latents.activations(flow, x, 'level_0_step_1', labels)
  other = latents.activations(
    flow, x, 'level_0_step_1', tf.roll(labels, 1, axis=0)
  )
  assert np.max(np.abs(found - other)) > 1e-3
  again = latents.from_activations(flow, found, 'level_0_step_1', labels)
  np.testing.assert_allclose(again, x, atol=1e-5)


def test_an_unknown_layer():
  with pytest.raises(ValueError, match="did you mean 'level_0_step_1'"):
    latents.activations(flows.flow(), flows.values(), 'level_0_step1')
