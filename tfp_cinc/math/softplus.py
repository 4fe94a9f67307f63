"""Constants of the softplus function."""

import math

__all__ = ['SOFTPLUS_INVERSE_OF_1']

# softplus(SOFTPLUS_INVERSE_OF_1) = 1. Initializes a scale or a slope to 1.
SOFTPLUS_INVERSE_OF_1 = math.log(math.e - 1.0)
