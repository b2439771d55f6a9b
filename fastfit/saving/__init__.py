"""Models and weights in files, by the names of ``keras.saving``."""

from fastfit.saving.files import load_model as load_model
from fastfit.saving.files import load_weights as load_weights
from fastfit.saving.files import save_model as save_model
from fastfit.saving.files import save_weights as save_weights
