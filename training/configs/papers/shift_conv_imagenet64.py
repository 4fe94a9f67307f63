r"""Shift convolutions on ImageNet 64x64: L=4, K=48.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config shift_conv_imagenet64 --workdir runs/shift_conv_imagenet64

Published: 3.74 bits/dim (Truong et al. 2019, table 2).

As in section 5.1: Adam with learning rate 0.001, a batch of 64 on each of 4
workers, and an N(0, I) prior. The paper does not state the length of the run;
we use the number of steps of the other flows here and a warm-up of 50 steps.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_shift_config


def get_config():
  """Returns the configuration."""
  return get_shift_config('imagenet64')
