"""A flow over images as a Keras model."""

import os

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_cinc.conditioning import condition_on
from tfp_cinc.dequantization import bits_per_dim, dequantize
from tfp_cinc.flow_model.data import (
  check_data,
  first_batch,
  is_array,
  one_weight_each,
  split_batch,
  weighted_targets,
)
from tfp_cinc.flow_model.keras_parts import (
  HOW_TO_SAVE,
  check_callbacks,
  check_checkpoint,
  check_optimizer,
  check_shapes,
  check_weights_path,
  compute_gradients,
  create_slots,
  horovod_of,
)
from tfp_cinc.flow_model.metrics import MeanOfSteps
from tfp_cinc.initialization import initialize_from_data, is_initialized
from tfp_cinc.networks import full_precision
from tfp_cinc.saved_model import export_saved_model, fixed_noise

__all__ = ['FlowModel']

tfd = tfp.distributions

# As many as the papers take (Glow, section 3.1).
_INITIALIZATION_IMAGES = 256


class FlowModel(tf_keras.Model):
  """A flow over images that `fit`, `evaluate` and `predict` work on.

  The loss is the mean bits per dimension of dequantized pixels, so that a model
  needs an optimizer and images, and neither targets nor a loss:

  * `compile(optimizer)`: an optimizer of `tf_keras`, or Horovod's
    `DistributedOptimizer` of one.
  * `fit(x)`: `x` is uint8 [N, H, W, C], or a `tf.data.Dataset` of batches of
    them. Before its first step an uninitialized flow is initialized from up to
    256 of them, see `tfp_cinc.initialize_from_data`; a flow that was trained,
    initialized or loaded is left as it is. Noise is drawn anew in each step.
  * `evaluate(x)`: the mean bits/dim; `predict(x)`: the bits/dim of each image,
    float [N]. Both are in full precision and with the noise of exported models,
    which is the same for each image in whatever batch it is.
  * `model.flow` is the flow, and shares its Variables: `model.flow.sample(8)`.

  Data is labelled for a conditional flow: `fit(x, condition)` or batches
  `(x, condition)`, one-hot [N, K] say, and `predict((x, condition))`. Labels of
  images for any other flow are ignored. A `sample_weight` [N] is a factor of
  an image's loss.

  The logs have `loss` and `bits_per_dim`, and `val_` before both. They are
  equal but for one thing: a step whose gradient is not finite on any worker
  changes neither weights nor optimizer, on all of them; `bits_per_dim` leaves
  it out and `loss` is NaN until the end of the epoch, so that
  `tf_keras.callbacks.TerminateOnNaN` ends the training and without it it goes
  on. An epoch in which all steps are such has a `bits_per_dim` of NaN.

  `save_weights` and `load_weights` know TensorFlow's checkpoints and
  `.weights.h5`, which hold the optimizer too where it is compiled (a legacy one
  in the former only). A callback `ModelCheckpoint` needs
  `save_weights_only=True`: `save` cannot write the code of a flow; `export`
  writes the SavedModel that `tfp_cinc.export_saved_model` does.

  With Horovod's optimizer `fit` initializes on worker 0 and broadcasts all
  weights before the first step, so that it must be called on all workers; the
  callbacks of `horovod.tensorflow.keras` work beside those of `tf_keras`,
  whichever Keras TensorFlow itself has.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=0
  ... )
  >>> model = tfp_cinc.FlowModel(flow)
  >>> model.compile('adam')
  >>> images = np.random.default_rng(0).integers(99, 150, [64, 4, 4, 1])
  >>> history = model.fit(images.astype(np.uint8), epochs=2, verbose=0)
  >>> sorted(history.history)
  ['bits_per_dim', 'loss']
  >>> model.predict(images[:5].astype(np.uint8), verbose=0).shape
  (5,)
  """

  def __init__(
    self,
    flow: tfd.TransformedDistribution,
    num_bits: int = 8,
    name: str = 'flow_model',
  ):
    """Creates the model.

    Args:
      flow: over images [H, W, C], such as those of `tfp_cinc.models`.
      num_bits: of a pixel, see `tfp_cinc.dequantize`.
      name: name of the model.

    Raises:
      ValueError: if the flow is not over images or `num_bits` is out of range.
    """
    super().__init__(name=name)
    if flow.event_shape.rank != 3:
      raise ValueError(
        f'`flow` is over {flow.event_shape}; a FlowModel is of images [H, W, '
        'C]. Train other flows by the mean of `-flow.log_prob(x)`.'
      )
    bits_per_dim(0.0, flow.event_shape, num_bits)  # raises where out of range
    self.flow = flow
    self.num_bits = num_bits
    # Past Keras, which would count the metrics' variables as weights.
    object.__setattr__(self, '_loss', tf_keras.metrics.Mean(name='loss'))
    object.__setattr__(self, '_bits_per_dim', MeanOfSteps(name='bits_per_dim'))
    self.built = True  # The weights are the flow's.

  @property
  def metrics(self) -> list[tf_keras.metrics.Metric]:
    """What the logs have."""
    return [self._loss, self._bits_per_dim]

  @tf.autograph.experimental.do_not_convert
  def call(self, inputs, training: bool = False) -> tf.Tensor:
    """Bits/dim of images.

    Args:
      inputs: uint8 [N, H, W, C], or (images, condition) for a conditional flow.
      training: whether noise is drawn anew and networks compute in their
        `network_dtype`.

    Returns:
      `Tensor` [N] of the flow's dtype; lower is better.

    Raises:
      ValueError: if the images or the condition do not fit the flow.
    """
    images, condition = split_batch(self.flow, inputs)
    if training:
      return self._bits_of(images, condition, noise=None)
    with full_precision():
      noise = fixed_noise(self.flow.event_shape)
      return self._bits_of(images, condition, noise)

  def _bits_of(self, images, condition, noise):
    values = dequantize(images, self.num_bits, noise=noise)
    log_prob = self.flow.log_prob(
      tf.cast(values, self.flow.dtype), bijector_kwargs=self._kwargs(condition)
    )
    return bits_per_dim(log_prob, self.flow.event_shape, self.num_bits)

  def _kwargs(self, condition):
    if condition is None:
      return {}
    return condition_on(self.flow, tf.cast(condition, self.flow.dtype))

  def compile(self, optimizer='adam', loss=None, **options) -> None:
    """Sets the optimizer.

    Args:
      optimizer: of `tf_keras`, or its name. For deep flows those of
        `tf_keras.optimizers.legacy` are traced faster.
      loss: None: the model has its own.
      **options: `run_eagerly`, `jit_compile`, `steps_per_execution`, as
        `tf_keras.Model.compile` takes them.

    Raises:
      ValueError: if a loss or metrics are given, the optimizer is not of
        `tf_keras`, or this is within the scope of a `tf.distribute` strategy.
    """
    theirs = {'loss': loss, **options}
    for argument in ('loss', 'metrics', 'loss_weights', 'weighted_metrics'):
      if theirs.get(argument) is not None:
        raise ValueError(
          f'`{argument}` is given; the loss and the metric of a FlowModel are '
          'its bits/dim, and it takes no other.'
        )
    check_optimizer(optimizer)
    if tf.distribute.has_strategy():
      raise ValueError(
        'a FlowModel is not for a `tf.distribute` strategy, under which no '
        "step can be left out; train on several workers by Horovod's "
        '`DistributedOptimizer`.'
      )
    super().compile(optimizer, **options)
    # So that `load_weights` finds the variables that it is to set.
    create_slots(self.optimizer, self.trainable_variables)

  def fit(
    self,
    x=None,
    y=None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose='auto',
    callbacks=None,
    validation_split: float = 0.0,
    validation_data=None,
    *,
    sample_weight=None,
    **options,
  ) -> tf_keras.callbacks.History:
    """Initializes the flow where it is not, and trains it.

    Args:
      x: uint8 [N, H, W, C]; a `tf.data.Dataset` of such batches, or of (images,
        condition); or what else `tf_keras.Model.fit` takes, for a flow that is
        initialized.
      y: the condition [N, K] of a conditional flow, where `x` is an array.
      batch_size: images of a step, 32 where it is None and `x` an array.
      epochs: as in `tf_keras.Model.fit`, like all that follow.
      verbose: what to print.
      callbacks: of `tf_keras` or `horovod.tensorflow.keras`.
      validation_split: the part of arrays that is not trained on.
      validation_data: images, (images, condition), (images, condition or None,
        sample_weight) or a `tf.data.Dataset`.
      sample_weight: [N] of images in an array.
      **options: the other arguments, by name.

    Returns:
      `tf_keras.callbacks.History`.

    Raises:
      ValueError: if something does not fit the flow.
      RuntimeError: if the model is not compiled.
    """
    check_data(self.flow, x, y)
    if is_array(validation_data):
      validation_data = (validation_data,)  # for Keras, which tests its truth
    if isinstance(validation_data, tuple | list):
      check_data(self.flow, *validation_data[:2])
      if len(validation_data) == 3:
        x_, y_, weight = validation_data
        validation_data = (x_, weighted_targets(y_, weight), weight)
    elif validation_data is not None:
      check_data(self.flow, validation_data)
    callbacks = check_callbacks(callbacks)
    if getattr(self, 'optimizer', None) is not None:
      self._initialize(x, y)
    return super().fit(
      x,
      weighted_targets(y, sample_weight),
      batch_size,
      epochs,
      verbose,
      callbacks,
      validation_split,
      validation_data,
      sample_weight=sample_weight,
      **options,
    )

  def evaluate(
    self,
    x=None,
    y=None,
    batch_size: int | None = None,
    verbose='auto',
    sample_weight=None,
    **options,
  ):
    """The mean bits/dim, twice, as `loss` and `bits_per_dim`.

    Args:
      x: as in `fit`.
      y: as in `fit`, like all that follow.
      batch_size: images to take at once.
      verbose: what to print.
      sample_weight: [N] of images in an array.
      **options: the other arguments of `tf_keras.Model.evaluate`, by name;
        `return_dict=True` names the two.

    Returns:
      [loss, bits_per_dim], or a dict.

    Raises:
      ValueError: if the images or the condition do not fit the flow.
      RuntimeError: if the model is not compiled.
    """
    check_data(self.flow, x, y)
    y = weighted_targets(y, sample_weight)
    return super().evaluate(x, y, batch_size, verbose, sample_weight, **options)

  def predict(self, x, *arguments, **options) -> np.ndarray:
    """The bits/dim of each image.

    Args:
      x: as in `fit`; (images, condition) for a conditional flow.
      *arguments: as in `tf_keras.Model.predict`.
      **options: the same.

    Returns:
      Floating array [N], in the order of the images.

    Raises:
      ValueError: if the images or the condition do not fit the flow.
    """
    check_data(self.flow, x)
    return super().predict(x, *arguments, **options)

  @tf.autograph.experimental.do_not_convert
  def train_step(self, data) -> dict[str, tf.Tensor]:
    """Keras's: one step on a batch."""
    inputs, weight = self._unpack(data)
    variables = self.trainable_variables
    with tf.GradientTape() as tape:
      bits = self(inputs, training=True)
      loss = tf.reduce_mean(bits if weight is None else weight * bits)
    gradients = compute_gradients(self.optimizer, loss, variables, tape)
    # Of all workers' mean, which all of them see alike.
    finite = tf.math.is_finite(
      tf.linalg.global_norm([gradient for gradient, _ in gradients])
    )

    def update():
      self.optimizer.apply_gradients(gradients)
      return True

    tf.cond(finite, update, lambda: False)
    counts = finite & tf.reduce_all(tf.math.is_finite(bits))
    return self._log(bits, weight, counts)

  @tf.autograph.experimental.do_not_convert
  def test_step(self, data) -> dict[str, tf.Tensor]:
    """Keras's: the metrics of a batch."""
    inputs, weight = self._unpack(data)
    return self._log(self(inputs, training=False), weight, True)

  @tf.autograph.experimental.do_not_convert
  def predict_step(self, data) -> tf.Tensor:
    """Keras's: the bits/dim of a batch."""
    inputs, _ = self._unpack(data)
    return self(inputs, training=False)

  def _log(self, bits, weight, counts):
    """Takes a batch into the metrics; what Keras logs."""
    bits = tf.cast(bits, tf.float32)
    self._loss.update_state(tf.where(counts, bits, np.nan), weight)
    self._bits_per_dim.update_state(bits, weight, counts)
    return self.get_metrics_result()

  def _unpack(self, data):
    """What `call` takes, and the weights or None, of a batch of Keras's."""
    x, y, weight = tf_keras.utils.unpack_x_y_sample_weight(data)
    images, condition = split_batch(self.flow, x, y)
    if weight is not None:
      weight = tf.cast(one_weight_each(weight), self.flow.dtype)
    return images if condition is None else (images, condition), weight

  def _initialize(self, x, y):
    """Makes the flow ready to train, and the same on all workers."""
    horovod = horovod_of(self.optimizer)
    is_first = horovod is None or horovod.rank() == 0
    if is_first and not is_initialized(self.flow):
      batch = first_batch(x, y, _INITIALIZATION_IMAGES)
      images, condition = split_batch(self.flow, *batch)
      values = dequantize(images, self.num_bits)
      initialize_from_data(self.flow, values, condition)
    if horovod is not None:
      horovod.broadcast_variables(self.flow.variables, root_rank=0)

  def save_weights(self, filepath, *arguments, **options) -> None:
    """Writes all weights, as `tf_keras.Model.save_weights` does.

    Args:
      filepath: of a checkpoint of TensorFlow, or a name that ends with
        '.weights.h5'.
      *arguments: as there.
      **options: as there.

    Raises:
      ValueError: if `filepath` is of Keras's older format, which cannot hold
        two variables of one name.
    """
    check_weights_path(filepath)
    super().save_weights(filepath, *arguments, **options)

  def load_weights(self, filepath, *arguments, **options):
    """Reads all weights, as `tf_keras.Model.load_weights` does.

    Args:
      filepath: what `save_weights` wrote.
      *arguments: as there.
      **options: as there.

    Returns:
      As there.

    Raises:
      ValueError: if they are of another flow.
    """
    check_checkpoint(self.flow, filepath)
    return super().load_weights(filepath, *arguments, **options)

  def save_own_variables(self, store) -> None:
    """Keras's: the flow's variables, as `.weights.h5` has them."""
    for i, variable in enumerate(self.flow.variables):
      store[str(i)] = variable.numpy()

  def load_own_variables(self, store) -> None:
    """Keras's: the flow's variables from a `.weights.h5`."""
    variables = self.flow.variables
    held = [store[str(i)].shape for i in range(len(store))]
    check_shapes(self.flow, held, [tuple(v.shape) for v in variables])
    for i, variable in enumerate(variables):
      variable.assign(store[str(i)])

  def export(self, filepath: str | os.PathLike) -> None:
    """Writes the flow as a SavedModel, see `tfp_cinc.export_saved_model`.

    Args:
      filepath: the folder to write.

    Raises:
      ValueError: if the flow cannot be exported.
    """
    export_saved_model(
      self.flow, filepath, self.flow.event_shape.as_list(), self.num_bits
    )

  def get_config(self):
    """Always an error, as `save`."""
    raise NotImplementedError(HOW_TO_SAVE)

  def save(self, filepath, *arguments, **options) -> None:
    """Always an error, which says what to call.

    Args:
      filepath: as in `tf_keras.Model.save`.
      *arguments: the same.
      **options: the same.

    Raises:
      NotImplementedError: always.
    """
    raise NotImplementedError(HOW_TO_SAVE)
