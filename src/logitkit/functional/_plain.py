"""What tells a call that the core does alone, of an array and with the defaults.

Other arrays never come to it, so that their tracers need not know it. The defaults are recognised
by identity: comparing them costs the short calls too much.
"""

import numpy as np

ARRAY = np.ndarray
LAST = -1
ONE = 1.0
DEFAULT = "default"
