"""Our layers within TFP's machinery: VI, MCMC and joint distributions."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc
from tfp_cinc import models

tfb, tfd = tfp.bijectors, tfp.distributions

# A correlated Gaussian.
MEAN = np.array([0.5, -1.0, 2.0, 0.0], np.float32)
SCALE = np.array(
  [
    [1.0, 0.0, 0.0, 0.0],
    [0.6, 0.5, 0.0, 0.0],
    [-0.4, 0.2, 0.8, 0.0],
    [0.0, 0.3, -0.3, 0.6],
  ],
  np.float32,
)
TARGET = tfd.MultivariateNormalTriL(MEAN, SCALE)


def curved_map():
  """A flow's map of four numbers, with networks that are not zero."""
  flow = models.cinc_paper(
    [2, 2, 1], levels=1, depth=2, hidden_channels=8, seed=0
  )
  for i, variable in enumerate(flow.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [7, i])
    variable.assign_add(0.3 * noise)
  return tfb.Chain(
    [tfb.Reshape([4], [2, 2, 1]), flow.bijector, tfb.Reshape([2, 2, 1], [4])]
  )


def test_a_surrogate_posterior_of_layers_is_the_posterior():
  """A linear Gaussian model, whose posterior is known in closed form."""
  design = np.array([[1.0, 0.5], [0.2, -1.0], [0.7, 0.3]], np.float32)
  noise = 0.5
  observed = np.array([0.8, -0.4, 1.1], np.float32)
  model = tfd.JointDistributionSequential(
    [
      tfd.Sample(tfd.Normal(0.0, 1.0), 2),
      lambda weights: tfd.Independent(
        tfd.Normal(tf.linalg.matvec(design, weights), noise), 1
      ),
    ]
  )
  precision = np.eye(2) + design.T @ design / noise**2
  covariance = np.linalg.inv(precision)
  mean = covariance @ design.T @ observed / noise**2

  layers = tfb.Chain(
    [
      tfp_cinc.bijectors.trainable_act_norm(2),
      tfp_cinc.bijectors.trainable_one_by_one_conv2d(2, seed=0),
    ]
  )
  surrogate = tfd.TransformedDistribution(
    tfd.Sample(tfd.Normal(0.0, 1.0), 2), layers
  )
  assert len(surrogate.trainable_variables) >= 4
  losses = tfp.vi.fit_surrogate_posterior(
    lambda weights: model.log_prob(weights, observed),
    surrogate,
    optimizer=tf_keras.optimizers.legacy.Adam(
      tf_keras.optimizers.schedules.CosineDecay(0.05, 300)
    ),
    num_steps=300,
    sample_size=32,
    seed=[0, 1],
  )
  evidence = tfd.MultivariateNormalFullCovariance(
    np.zeros(3), design @ design.T + noise**2 * np.eye(3)
  ).log_prob(observed.astype(np.float64))
  # The bound is reached, as the surrogate can be the posterior itself.
  np.testing.assert_allclose(np.mean(losses[-50:]), -evidence, atol=0.01)
  samples = surrogate.sample(20_000, seed=[0, 2])
  np.testing.assert_allclose(np.mean(samples, 0), mean, atol=0.03)
  np.testing.assert_allclose(np.cov(samples.numpy().T), covariance, atol=0.03)


@pytest.mark.slow
def test_mcmc_through_a_flow_has_the_moments_of_its_target():
  """HMC in the latents of a flow whose volume changes from place to place."""
  curved = curved_map()
  points = tf.random.stateless_normal([64, 4], [0, 9])
  assert np.std(curved.forward_log_det_jacobian(points, 1)) > 0.2
  kernel = tfp.mcmc.TransformedTransitionKernel(
    tfp.mcmc.HamiltonianMonteCarlo(
      TARGET.log_prob, step_size=0.15, num_leapfrog_steps=6
    ),
    curved,
  )

  @tf.function(autograph=False)
  def run():
    return tfp.mcmc.sample_chain(
      200,
      tf.zeros([128, 4]),
      kernel=kernel,
      num_burnin_steps=50,
      trace_fn=lambda _, results: results.inner_results.is_accepted,
      seed=[0, 3],
    )

  samples, accepted = run()
  assert 0.6 < np.mean(accepted) < 1.0
  samples = samples.numpy().reshape(-1, 4)
  np.testing.assert_allclose(np.mean(samples, 0), MEAN, atol=0.04)
  np.testing.assert_allclose(np.cov(samples.T), SCALE @ SCALE.T, atol=0.04)


def image_flow():
  """A small flow over [4, 4, 1], initialized; by its name others know it."""
  flow = models.cinc_paper(
    [4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=0, name='image'
  )
  noise = tf.random.stateless_uniform([64, 4, 4, 1], [0, 4])
  tfp_cinc.initialize_from_data(flow, noise - 0.5)
  return flow


def noisy(image):
  """What is seen of an image."""
  return tfd.Independent(tfd.Normal(image, 0.1), 3)


def coroutine_of(flow):
  @tfd.JointDistributionCoroutineAutoBatched
  def model():
    image = yield flow
    yield tfd.Independent(tfd.Normal(image, 0.1), 3, name='seen')

  return model


def test_a_flow_is_a_component_of_joint_distributions():
  """Each kind of them samples it, and adds its density to the others'."""
  flow = image_flow()
  joints = {
    'sequential': tfd.JointDistributionSequential([flow, noisy]),
    'named': tfd.JointDistributionNamed(
      {'image': flow, 'seen': lambda image: noisy(image)}
    ),
    'coroutine': coroutine_of(flow),
  }
  for name, joint in joints.items():
    sample = joint.sample(3, seed=[0, 5])
    image, seen = tf.nest.flatten(sample)
    assert image.shape == seen.shape == [3, 4, 4, 1], name
    assert np.std(seen - image) < 0.2 < np.std(seen), name
    # Tensors of their own: TFP keeps what it has sampled.
    image, seen = tf.identity(image), tf.identity(seen)
    sample = tf.nest.pack_sequence_as(sample, [image, seen])
    np.testing.assert_allclose(
      joint.log_prob(sample),
      flow.log_prob(image) + noisy(image).log_prob(seen),
      rtol=1e-4,
      err_msg=name,
    )
    assert len(joint.trainable_variables) == len(flow.trainable_variables)


def test_the_default_space_of_a_joint_distribution_is_the_flows_latents():
  """A flow of a Gaussian base is parametrized by its latents, for MCMC."""
  flow = image_flow()
  joint = tfd.JointDistributionSequential([flow, noisy])
  seen = joint.sample(seed=[0, 6])[1]
  pinned = joint.experimental_pin(None, seen)
  bijector = pinned.experimental_default_event_space_bijector()
  latents = tf.random.stateless_normal([2, 4, 4, 1], [0, 7])
  (image,) = bijector.forward([latents])
  np.testing.assert_allclose(
    image, flow.bijector.forward(tf.identity(latents)), atol=1e-5
  )

  # The posterior of the image by HMC on latents.
  kernel = tfp.mcmc.TransformedTransitionKernel(
    tfp.mcmc.HamiltonianMonteCarlo(
      pinned.unnormalized_log_prob, step_size=0.1, num_leapfrog_steps=4
    ),
    bijector,
  )
  first = bijector.forward([tf.zeros([1, 4, 4, 1])])
  states = tf.function(
    lambda: tfp.mcmc.sample_chain(
      40, first, kernel=kernel, trace_fn=None, seed=[0, 8]
    ),
    autograph=False,
  )()
  assert states[0].shape == [40, 1, 4, 4, 1]

  def distance(image):
    return float(tf.sqrt(tf.reduce_mean((image - seen) ** 2)))

  assert distance(states[0][-1, 0]) < 0.5 * distance(first[0][0])


@pytest.mark.parametrize(
  'layer',
  [
    tfp_cinc.bijectors.trainable_cinc_conv2d(2, 2, diagonal_block='plu'),
    tfp_cinc.bijectors.trainable_one_by_one_conv2d(2),
    tfp_cinc.bijectors.trainable_periodic_conv2d(2),
    tfp_cinc.bijectors.trainable_act_norm(2),
    tfp_cinc.bijectors.Chain(
      [tfp_cinc.bijectors.trainable_one_by_one_conv2d(2)]
    ),
  ],
  ids=lambda layer: layer.name,
)
def test_log_dets_follow_the_weights_in_an_eager_loop(layer):
  """Over one tensor, whose log-det TFP would keep."""
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 4, 2])
  flow = tfd.TransformedDistribution(base, tfb.Invert(layer))
  x = tf.random.stateless_normal([3, 4, 4, 2], [0, 0])
  y = tf.random.stateless_normal([3, 4, 4, 2], [0, 1])
  for _ in range(3):
    with tf.GradientTape(persistent=True) as tape:
      found = flow.log_prob(x)
      expected = flow.log_prob(tf.identity(x))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for mine, right in zip(
      tape.gradient(found, flow.trainable_variables),
      tape.gradient(expected, flow.trainable_variables),
      strict=True,
    ):
      assert mine is not None
      np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-4)
    for variable in flow.trainable_variables:
      variable.assign(0.9 * variable)
    # Asked for alone, too.
    alone, again = (
      layer.forward_log_det_jacobian(images, 3)
      for images in (y, tf.identity(y))
    )
    np.testing.assert_allclose(alone, again, rtol=1e-6)


def test_a_map_that_is_not_affine_has_no_mean():
  flow = models.multiscale_flow(
    [4, 4, 2],
    layers='one_by_one',
    coupling='additive',
    split_prior=False,
    levels=1,
    depth=1,
    hidden_channels=4,
  )
  with pytest.raises(NotImplementedError):
    flow.mean()


def test_another_dtype_of_the_networks_takes_nothing_from_tfps_cache():
  flow = models.glow(
    [4, 4, 2], levels=1, depth=2, hidden_channels=8, network_dtype='bfloat16'
  )
  for i, variable in enumerate(flow.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [0, i])
    variable.assign_add(0.1 * noise)
  images = flow.sample(2, seed=[0, 0])
  before = flow.log_prob(images)
  exact = tfp_cinc.with_network_dtype(flow, None)
  found = exact.log_prob(images)
  expected = exact.log_prob(tf.identity(images))
  np.testing.assert_array_equal(found, expected)
  assert np.any(np.not_equal(found, before))


def test_equal_maps_have_the_divergence_of_their_bases():
  encoder = curved_map()
  layer = tfp_cinc.bijectors.Chain([*encoder.bijectors[1:2]])
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 1])
  other = tfd.Sample(tfd.Normal(1.0, 1.0), [2, 2, 1])
  divergence = tfd.kl_divergence(
    tfd.TransformedDistribution(base, layer),
    tfd.TransformedDistribution(other, layer.copy()),
  )
  np.testing.assert_allclose(divergence, 4 * 0.5, rtol=1e-6)


@pytest.mark.parametrize('kind', ['cinc', 'one_by_one', 'shift', 'emerging'])
def test_layers_can_be_created_within_a_function(kind):
  make = getattr(tfp_cinc.bijectors, f'trainable_{kind}_conv2d')
  made = []

  @tf.function(autograph=False)
  def round_trip(x):
    if not made:
      made.append(make(3, seed=1))
    return made[0].inverse(tf.identity(made[0].forward(x)))

  x = tf.random.stateless_normal([2, 4, 4, 3], [0, 1])
  np.testing.assert_allclose(round_trip(x), x, atol=1e-5)


def test_a_flow_in_a_graph_of_tensorflow_1():
  with tf.Graph().as_default():
    flow = models.cinc([4, 4, 2], levels=1, depth=1, hidden_channels=4, seed=1)
    x = flow.sample(2, seed=[0, 1])
    again = flow.bijector.forward(flow.bijector.inverse(tf.identity(x)))
    gradients = tf.gradients(flow.log_prob(tf.identity(x)), [x, again])
    gradients += tf.gradients(x, list(flow.trainable_variables)[:1])
    with tf.compat.v1.Session() as session:
      session.run(tf.compat.v1.global_variables_initializer())
      values = session.run([x, again, gradients[0]])
  np.testing.assert_allclose(values[0], values[1], atol=1e-5)
  assert np.any(values[2])
