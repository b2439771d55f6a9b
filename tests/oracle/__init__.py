"""The oracle: one row per public name, with its inputs, variants and tolerance.

A row says how the same call is made in fastfit and in Keras. Parity, dtype, symbolic, gradient and config tests all
read it, and a test fails when a public name has no row: see `tests/oracle/names.py`.
"""

from tests.oracle.activations import ACTIVATIONS as ACTIVATIONS
from tests.oracle.initializers import CONSTRAINTS as CONSTRAINTS
from tests.oracle.initializers import FIXED_INITIALIZERS as FIXED_INITIALIZERS
from tests.oracle.initializers import RANDOM_INITIALIZERS as RANDOM_INITIALIZERS
from tests.oracle.initializers import REGULARIZERS as REGULARIZERS
from tests.oracle.initializers import SHAPES as SHAPES
from tests.oracle.initializers import weights as weights
from tests.oracle.layers import LAYERS as LAYERS
from tests.oracle.layers import MERGING_FUNCTIONS as MERGING_FUNCTIONS
from tests.oracle.layers import layer_inputs as layer_inputs
from tests.oracle.losses import LOSS_FUNCTIONS as LOSS_FUNCTIONS
from tests.oracle.losses import LOSSES as LOSSES
from tests.oracle.metrics import METRIC_FUNCTIONS as METRIC_FUNCTIONS
from tests.oracle.metrics import METRICS as METRICS
from tests.oracle.row import Row as Row
from tests.oracle.row import activation_input as activation_input
from tests.oracle.row import cases as cases
from tests.oracle.row import make_inputs as make_inputs
from tests.oracle.row import sample_weights as sample_weights
