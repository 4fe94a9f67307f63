"""A flow over images as a Keras model.

More than 300 lines: they are one class, whose methods Keras calls.
"""

import copy
import os

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.conditioning import given
from tfp_cinc.dequantization import bits_per_dim, dequantize
from tfp_cinc.flow_model.data import (
  as_condition,
  check_data,
  first_batch,
  is_array,
  kept_by_keras,
  one_weight_each,
  split_batch,
)
from tfp_cinc.flow_model.keras_3 import (
  is_keras_3,
  load_optimizer,
  save_optimizer,
)
from tfp_cinc.flow_model.keras_parts import (
  HOW_TO_SAVE,
  check_callbacks,
  check_checkpoint,
  check_finite,
  check_shapes,
  check_weights_path,
)
from tfp_cinc.flow_model.metrics import Mean, MeanOfSteps
from tfp_cinc.flow_model.optimizers import (
  check_found,
  check_optimizer,
  check_strategy,
  compute_gradients,
  create_slots,
  horovod_of,
  update_if_finite,
)
from tfp_cinc.initialization import initialize_from_data, is_initialized
from tfp_cinc.precision import with_network_dtype
from tfp_cinc.saved_model import (
  ConditionInput,
  export_saved_model,
  fixed_noise,
)

__all__ = ['FlowModel']

tfd = tfp.distributions

# Number of images used in the papers (Glow, section 3.1).
_INITIALIZATION_IMAGES = 256


class FlowModel(tf_keras.Model):
  """A flow over images with Keras's `fit`, `evaluate` and `predict`.

  The loss is the mean bits per dimension of dequantized pixels. A model needs
  only an optimizer and images, no targets and no loss:

  - `compile(optimizer)` takes an optimizer of `keras`, which is Keras 3, or of
    `tf_keras`, or Horovod's `DistributedOptimizer` of one of `tf_keras`.
  - `fit(x)` takes uint8 [N, H, W, C], or a `tf.data.Dataset` of such batches.
    An uninitialized flow is first initialized from up to 256 images, see
    `tfp_cinc.initialize_from_data`. A flow that was trained, initialized or
    loaded is not initialized again. Each step draws new dequantization noise.
  - `evaluate(x)` returns the mean bits/dim; `predict(x)` returns the bits/dim
    of each image, float [N]. Both compute in full precision and use the fixed
    noise of exported models, so that the result for an image does not depend on
    its batch.
  - `model.flow` is the flow, which shares its Variables with the model. For
    example, `model.flow.sample(8)` draws samples.

  A conditional flow needs labelled data: `fit(x, condition)` or batches
  `(x, condition)`, and `predict((x, condition))`. The condition consists of
  integer labels [N], or is floating, [N, K] or a map [N, H, W, K]. To draw an
  image for each of N labels, use
  `tfp_cinc.given(model.flow, labels).sample(N)`. Other flows ignore labels. The
  condition reaches the flow in the flow's dtype,
  whatever Keras's precision policy is. A `sample_weight` [N] multiplies the
  loss of each image; batches of a generator can be (images, None, weights).

  The logs contain `loss` and `bits_per_dim`, and the same with the prefix
  `val_`. The two are equal unless a step is skipped. If the gradient of a step
  is not finite on any one worker, all workers skip the step: it changes neither
  the weights nor the optimizer. `bits_per_dim` ignores this step, and `loss` is
  NaN until the end of the epoch. `tf_keras.callbacks.TerminateOnNaN` therefore
  ends the training; without it the training continues. If all steps of an epoch
  are skipped, its `bits_per_dim` is NaN. A skipped step lowers the scale of a
  `LossScaleOptimizer`.

  `save_weights` and `load_weights` support TensorFlow checkpoints and
  `.weights.h5` files. Both contain the optimizer if the model is compiled; a
  legacy optimizer is stored only in checkpoints. The callback `ModelCheckpoint`
  needs `save_weights_only=True`, because `save` cannot store the code of a
  flow. `export` writes a SavedModel, as `tfp_cinc.export_saved_model` does.
  `copy.deepcopy`, `copy.copy` and `pickle` give a model with a copy of the
  flow, if the flow can be copied, as those of `tfp_cinc.models`. Like a new
  model, it has no optimizer until it is compiled.

  The model is a `tf_keras.Model` with any optimizer. Callbacks can be those of
  Keras 3 or of `tf_keras`; those that change or log the learning rate must come
  from `keras.callbacks` if the optimizer is one of Keras 3. `BackupAndRestore`
  and `OrbaxCheckpoint` of Keras 3 do not work. The metrics of Keras cannot be
  used, because the only metric is the bits/dim.

  With a `tf.distribute.MirroredStrategy`, create the flow, the optimizer and
  the model in `with strategy.scope():`, and call `fit` as usual. Each step
  divides a batch among the devices, and the gradient is that of the whole
  batch. Each device draws its own noise. Optimizers of Keras 3 that clip or
  accumulate gradients are refused, because they do so before the gradients of
  the devices are added; those of `tf_keras` do it afterwards.

  With Horovod's optimizer, `fit` initializes the flow on worker 0 and
  broadcasts all weights before the first step. It must therefore be called on
  all workers. The callbacks of `horovod.tensorflow.keras` can be used together
  with those of `tf_keras`, whichever version of Keras TensorFlow itself has.
  Those that change the learning rate need `momentum_correction=False` with an
  optimizer that has a momentum, unless it is a legacy one.

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
      flow: Flow over images [H, W, C], such as those of `tfp_cinc.models`.
      num_bits: Bits per channel, 1 to 8, see `tfp_cinc.dequantize`.
      name: Name of the model.

    Raises:
      ValueError: If the flow is not over images, `num_bits` is out of range, or
        the flow has Variables that are not found, see `as_flow_bijector`.
    """
    # Keras would cast the condition to the dtype of its policy.
    super().__init__(name=name, autocast=False)
    if flow.event_shape.rank != 3:
      raise ValueError(
        f'`flow` is over {flow.event_shape}; a FlowModel needs a flow over '
        'images [H, W, C]. Train other flows by minimizing the mean of '
        '`-flow.log_prob(x)`.'
      )
    bits_per_dim(0.0, flow.event_shape, num_bits)  # raises if out of range
    as_flow_bijector(flow.bijector)  # raises if it hides Variables
    self.flow = flow
    self.num_bits = num_bits
    # Bypasses Keras, which would count the metrics' variables as weights.
    object.__setattr__(self, '_loss', Mean(name='loss'))
    object.__setattr__(self, '_bits_per_dim', MeanOfSteps(name='bits_per_dim'))
    self.built = True  # The weights are those of the flow.

  @property
  def metrics(self) -> list[tf_keras.metrics.Metric]:
    """Metrics of the logs."""
    return [self._loss, self._bits_per_dim]

  @tf.autograph.experimental.do_not_convert
  def call(self, inputs, training: bool = False) -> tf.Tensor:
    """Returns the bits/dim of images.

    Args:
      inputs: Images, uint8 [N, H, W, C], or (images, condition) for a
        conditional flow, with integer labels or a floating condition.
      training: Whether to draw new noise and to use the `network_dtype` of the
        networks.

    Returns:
      `Tensor` [N] of the dtype of the flow; lower is better.

    Raises:
      ValueError: If the images or the condition do not match the flow.
    """
    images, condition = split_batch(self.flow, inputs)
    flow, noise = self.flow, None
    if not training:
      flow = with_network_dtype(flow, None)
      noise = fixed_noise(flow.event_shape)
    if condition is not None:
      flow = given(flow, as_condition(condition, flow.dtype))
    values = dequantize(images, self.num_bits, noise=noise)
    log_prob = flow.log_prob(tf.cast(values, flow.dtype))
    return bits_per_dim(log_prob, flow.event_shape, self.num_bits)

  def compile(self, optimizer='adam', loss=None, **options) -> None:
    """Sets the optimizer.

    Args:
      optimizer: Optimizer of Keras 3 or `tf_keras`, or the name of one of
        `tf_keras`. Deep flows are traced faster with those of
        `tf_keras.optimizers.legacy`.
      loss: Must be None, because the model has its own loss.
      **options: Options `run_eagerly`, `jit_compile` and `steps_per_execution`,
        as in `tf_keras.Model.compile`.

    Raises:
      ValueError: If a loss or metrics are given, if the optimizer cannot train
        a flow, or if the strategy of `tf.distribute` is not supported or is not
        that of the flow and the optimizer.
    """
    theirs = {'loss': loss, **options}
    for argument in ('loss', 'metrics', 'loss_weights', 'weighted_metrics'):
      if theirs.get(argument) is not None:
        raise ValueError(
          f'`{argument}` is given; the loss and the metric of a FlowModel are '
          'always its bits/dim.'
        )
    check_optimizer(optimizer)
    strategy = self.distribute_strategy
    check_strategy(self.flow, optimizer, strategy)
    if options.get('jit_compile') and strategy.num_replicas_in_sync > 1:
      raise ValueError(
        '`jit_compile` is set; XLA cannot compile the step of several '
        'replicas, so omit it or use a strategy of one device.'
      )
    super().compile(optimizer, **options)
    # `load_weights` can then set the variables of the optimizer.
    with strategy.scope():
      create_slots(self.optimizer, self.trainable_variables)

  def _get_optimizer(self, optimizer):
    """Returns an optimizer given an argument of `compile`; Keras calls it."""
    if is_keras_3(optimizer):
      return optimizer
    return super()._get_optimizer(optimizer)

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
    """Trains the flow, after initializing it if necessary.

    Args:
      x: Images, uint8 [N, H, W, C]; or a `tf.data.Dataset` of such batches or
        of (images, condition). If the flow is initialized, anything that
        `tf_keras.Model.fit` accepts.
      y: Condition for a conditional flow, if `x` is an array.
      batch_size: Number of images per step. None means 32 if `x` is an array.
      epochs: Number of epochs, as in `tf_keras.Model.fit`.
      verbose: Verbosity, as in `tf_keras.Model.fit`.
      callbacks: Callbacks of Keras 3, `tf_keras` or `horovod.tensorflow.keras`.
      validation_split: Fraction of arrays that is held out for validation.
      validation_data: Images, (images, condition), (images, condition or None,
        sample_weight) or a `tf.data.Dataset`.
      sample_weight: Weights [N] of the images, if `x` is an array.
      **options: Other arguments of `tf_keras.Model.fit`, by name.

    Returns:
      `tf_keras.callbacks.History`.

    Raises:
      ValueError: If the data or the callbacks are invalid.
      RuntimeError: If the model is not compiled.
    """
    check_data(self.flow, x, y, options.get('class_weight'))
    if is_array(validation_data) or isinstance(validation_data, tuple | list):
      data = tf_keras.utils.unpack_x_y_sample_weight(validation_data)
      check_data(self.flow, *data[:2])
      validation_data = kept_by_keras(self.flow, *data)
    elif validation_data is not None:
      check_data(self.flow, validation_data)
      validation_data = kept_by_keras(self.flow, validation_data)[0]
    optimizer = getattr(self, 'optimizer', None)
    callbacks = check_callbacks(callbacks, optimizer)
    if optimizer is not None:
      self._initialize(x, y)
    x, y, sample_weight = kept_by_keras(self.flow, x, y, sample_weight)
    return super().fit(
      x,
      y,
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
    """Returns the mean bits/dim, both as `loss` and as `bits_per_dim`.

    Args:
      x: Images, as in `fit`.
      y: Condition, as in `fit`.
      batch_size: Number of images in a batch.
      verbose: Verbosity, as in `tf_keras.Model.evaluate`.
      sample_weight: Weights [N] of the images, if `x` is an array.
      **options: Other arguments of `tf_keras.Model.evaluate`, by name. With
        `return_dict=True` the result is a dict.

    Returns:
      [loss, bits_per_dim], or a dict of both.

    Raises:
      ValueError: If the images or the condition do not match the flow.
      RuntimeError: If the model is not compiled.
    """
    check_data(self.flow, x, y)
    x, y, sample_weight = kept_by_keras(self.flow, x, y, sample_weight)
    return super().evaluate(x, y, batch_size, verbose, sample_weight, **options)

  def predict(self, x, *arguments, **options) -> np.ndarray:
    """Returns the bits/dim of each image.

    Args:
      x: Images, as in `fit`; (images, condition) for a conditional flow.
      *arguments: Arguments of `tf_keras.Model.predict`.
      **options: Arguments of `tf_keras.Model.predict`, by name.

    Returns:
      Floating array [N], in the order of the images.

    Raises:
      ValueError: If the images or the condition do not match the flow.
    """
    check_data(self.flow, x)
    x, _, _ = kept_by_keras(self.flow, x)
    return super().predict(x, *arguments, **options)

  def train_on_batch(
    self, x, y=None, sample_weight=None, class_weight=None, **options
  ):
    """Takes one step on a batch.

    Args:
      x: Images, as in `fit`, of which they are one batch. The flow must be
        initialized before, see `tfp_cinc.initialize_from_data`.
      y: Condition, as in `fit`.
      sample_weight: Weights [N] of the images.
      class_weight: Weights of the labels `y`, as in `tf_keras.Model.fit`.
      **options: Other arguments of `tf_keras.Model.train_on_batch`, by name.

    Returns:
      [loss, bits_per_dim], or a dict of both with `return_dict=True`.

    Raises:
      ValueError: If the images or the condition do not match the flow.
      RuntimeError: If the model is not compiled.
    """
    check_data(self.flow, x, y, class_weight)
    data = kept_by_keras(self.flow, x, y, sample_weight)
    return super().train_on_batch(*data, class_weight, **options)

  def test_on_batch(self, x, y=None, sample_weight=None, **options):
    """Returns the mean bits/dim of a batch, as `evaluate` does.

    Args:
      x: Images, as in `fit`, of which they are one batch.
      y: Condition, as in `fit`.
      sample_weight: Weights [N] of the images.
      **options: Other arguments of `tf_keras.Model.test_on_batch`, by name.

    Returns:
      [loss, bits_per_dim], or a dict of both with `return_dict=True`.

    Raises:
      ValueError: If the images or the condition do not match the flow.
      RuntimeError: If the model is not compiled.
    """
    check_data(self.flow, x, y)
    data = kept_by_keras(self.flow, x, y, sample_weight)
    return super().test_on_batch(*data, **options)

  def predict_on_batch(self, x) -> np.ndarray:
    """Returns the bits/dim of each image of a batch, as `predict` does.

    Args:
      x: Images, as in `predict`.

    Returns:
      Floating array [N].

    Raises:
      ValueError: If the images or the condition do not match the flow.
    """
    check_data(self.flow, x)
    x, _, _ = kept_by_keras(self.flow, x)
    return super().predict_on_batch(x)

  @tf.autograph.experimental.do_not_convert
  def train_step(self, data) -> dict[str, tf.Tensor]:
    """Takes one step on a batch; Keras calls it."""
    inputs, weight = self._unpack(data)
    variables = self.trainable_variables
    # Replicas of a strategy can have different numbers of images, even none.
    number = tf.cast(tf.shape(tf.nest.flatten(inputs)[0])[0], self.flow.dtype)
    number = tf.distribute.get_replica_context().all_reduce('SUM', number)
    with tf.GradientTape() as tape:
      bits = self(inputs, training=True)
      loss = tf.reduce_sum(bits if weight is None else weight * bits) / number
    check_found(tape, variables)
    gradients = compute_gradients(self.optimizer, loss, variables, tape)
    finite = update_if_finite(self.optimizer, gradients)
    counts = finite & tf.reduce_all(tf.math.is_finite(bits))
    return self._log(bits, weight, counts)

  @tf.autograph.experimental.do_not_convert
  def test_step(self, data) -> dict[str, tf.Tensor]:
    """Returns the metrics after a batch; Keras calls it."""
    inputs, weight = self._unpack(data)
    return self._log(self(inputs, training=False), weight, True)

  @tf.autograph.experimental.do_not_convert
  def predict_step(self, data) -> tf.Tensor:
    """Returns the bits/dim of a batch; Keras calls it."""
    inputs, _ = self._unpack(data)
    return self(inputs, training=False)

  def _log(self, bits, weight, counts):
    """Updates the metrics with a batch and returns the logs."""
    bits = tf.cast(bits, tf.float32)
    self._loss.update_state(tf.where(counts, bits, np.nan), weight)
    self._bits_per_dim.update_state(bits, weight, counts)
    return self.get_metrics_result()

  def _unpack(self, data):
    """Returns the input of `call` and the weights, or None, from a batch."""
    x, y, weight = tf_keras.utils.unpack_x_y_sample_weight(data)
    images, condition = split_batch(self.flow, x, y)
    if weight is not None:
      weight = tf.cast(one_weight_each(weight), self.flow.dtype)
    return images if condition is None else (images, condition), weight

  def _initialize(self, x, y):
    """Initializes the flow if necessary, and broadcasts its weights."""
    horovod = horovod_of(self.optimizer)
    is_first = horovod is None or horovod.rank() == 0
    if is_first and not is_initialized(self.flow):
      batch = first_batch(x, y, _INITIALIZATION_IMAGES)
      images, condition = split_batch(self.flow, *batch)
      values = dequantize(images, self.num_bits)
      if condition is not None:
        condition = as_condition(condition, self.flow.dtype)
      initialize_from_data(self.flow, values, condition)
    if horovod is not None:
      horovod.broadcast_variables(self.flow.variables, root_rank=0)

  def save_weights(self, filepath, *arguments, **options) -> None:
    """Writes all weights, as `tf_keras.Model.save_weights` does.

    Args:
      filepath: Path of a TensorFlow checkpoint, or a path that ends with
        '.weights.h5'.
      *arguments: Arguments of `tf_keras.Model.save_weights`.
      **options: Arguments of `tf_keras.Model.save_weights`, by name.

    Raises:
      ValueError: If `filepath` has one of Keras's older formats, which cannot
        hold two variables of the same name.
    """
    check_weights_path(filepath)
    super().save_weights(filepath, *arguments, **options)

  def load_weights(self, filepath, *arguments, **options):
    """Reads all weights, as `tf_keras.Model.load_weights` does.

    Args:
      filepath: Path that was passed to `save_weights`.
      *arguments: Arguments of `tf_keras.Model.load_weights`.
      **options: Arguments of `tf_keras.Model.load_weights`, by name.

    Returns:
      Result of `tf_keras.Model.load_weights`.

    Raises:
      ValueError: If the weights belong to another flow, are not finite, or if
        `filepath` has one of Keras's older formats.
    """
    check_weights_path(filepath)
    check_checkpoint(self.flow, filepath)
    return super().load_weights(filepath, *arguments, **options)

  def save_own_variables(self, store) -> None:
    """Stores the variables of the flow in a `.weights.h5`; Keras calls it."""
    for i, variable in enumerate(self.flow.variables):
      store[str(i)] = variable.numpy()
    save_optimizer(getattr(self, 'optimizer', None), store)

  def load_own_variables(self, store) -> None:
    """Loads the variables of the flow from a `.weights.h5`; Keras calls it."""
    variables = self.flow.variables
    number = sum(name.isdecimal() for name in store)
    held = [store[str(i)].shape for i in range(number)]
    check_shapes(self.flow, held, [tuple(v.shape) for v in variables])
    values = [np.asarray(store[str(i)]) for i in range(len(variables))]
    for variable, value in zip(variables, values, strict=True):
      check_finite(self.flow, variable.name, value)
    for variable, value in zip(variables, values, strict=True):
      variable.assign(value)
    load_optimizer(getattr(self, 'optimizer', None), store)

  def export(
    self,
    filepath: str | os.PathLike,
    condition: ConditionInput | None = None,
  ) -> None:
    """Writes the flow as a SavedModel, see `tfp_cinc.export_saved_model`.

    Args:
      filepath: Folder to write.
      condition: Condition that a conditional flow takes.

    Raises:
      ValueError: If the flow cannot be exported.
    """
    export_saved_model(
      self.flow,
      filepath,
      self.flow.event_shape.as_list(),
      self.num_bits,
      condition=condition,
    )

  def __reduce__(self):
    return type(self), (self.flow, self.num_bits, self.name)

  def __deepcopy__(self, memo):
    # Keras's own goes through `save`.
    flow = copy.deepcopy(self.flow, memo)
    return type(self)(flow, self.num_bits, self.name)

  def get_config(self):
    """Always raises `NotImplementedError`, like `save`."""
    raise NotImplementedError(HOW_TO_SAVE)

  def save(self, filepath, *arguments, **options) -> None:
    """Always raises an error, whose message names the methods to use instead.

    Args:
      filepath: Path, as in `tf_keras.Model.save`.
      *arguments: Arguments of `tf_keras.Model.save`.
      **options: Arguments of `tf_keras.Model.save`, by name.

    Raises:
      NotImplementedError: Always.
    """
    raise NotImplementedError(HOW_TO_SAVE)
