"""Constants of the softplus function."""

import math

__all__ = ['SOFTPLUS_INVERSE_OF_1']

# softplus(SOFTPLUS_INVERSE_OF_1) = 1, for a scale or a slope that starts at 1.
SOFTPLUS_INVERSE_OF_1 = math.log(math.e - 1.0)
