"""Models, under Keras's names."""

from fastfit.models.cloning import clone_model as clone_model
from fastfit.models.cloning import model_from_json as model_from_json
from fastfit.models.functional import Functional as Functional
from fastfit.models.model import Model as Model
from fastfit.models.sequential import Sequential as Sequential
from fastfit.saving.files import load_model as load_model
from fastfit.saving.files import save_model as save_model
from fastfit.utils.suggestions import unknown_attribute

__getattr__ = unknown_attribute(__name__, globals())
