"""The names that TensorFlow's Keras kept for its older optimizers: here they are today's.

Keras 3 has these names too, but making one of them is an ImportError there.
"""

from fastfit.optimizers.adagrad import Adagrad as Adagrad
from fastfit.optimizers.adam import Adam as Adam
from fastfit.optimizers.ftrl import Ftrl as Ftrl
from fastfit.optimizers.optimizer import Optimizer as Optimizer
from fastfit.optimizers.rmsprop import RMSprop as RMSprop
from fastfit.optimizers.sgd import SGD as SGD
