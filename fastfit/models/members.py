"""Members of Keras's models beside layers and training: their state as a tree, and what is refused."""

import numpy as np

# Attribute of the model to the key of the tree.
_GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
_NATIVE = (
    "A step is traced and compiled natively, so there is no Python function of it. Override `train_step()`, "
    "`test_step()` or `predict_step()` instead."
)
_MAKERS = ("make_train_function", "make_test_function", "make_predict_function")


class ModelMembers:
    """What Keras users find on every model."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in _MAKERS:
            if name in cls.__dict__ and cls.__module__ != __name__:
                raise TypeError(f"Class {cls.__name__} overrides `{name}()`. {_NATIVE}")

    @property
    def run_eagerly(self):
        """What `compile` was given; programs are native either way."""
        return bool(self._compile_config["run_eagerly"]) if self.compiled else False

    @property
    def jit_compile(self):
        """What `compile` was given, with True for "auto"."""
        wanted = self._compile_config["jit_compile"] if self.compiled else "auto"
        return True if wanted == "auto" else bool(wanted)

    @property
    def loss(self):
        """What `compile` was given."""
        return self._compile_arguments["loss"] if self.compiled else None

    @loss.setter
    def loss(self, loss):
        if not self.compiled:
            raise AttributeError(
                f"Model '{self.name}' has no loss before `compile(loss=...)` is called. Received: loss={loss!r}"
            )
        self._change_loss(loss)

    def make_train_function(self, force=False):
        """Raise NotImplementedError: `train_step` is what can be overridden."""
        raise NotImplementedError(_NATIVE)

    make_test_function = make_predict_function = make_train_function

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Raise NotImplementedError: files of other frameworks are not written."""
        raise NotImplementedError(
            f"Models are saved by `save()`, not exported to other frameworks. Received: format={format!r}"
        )

    def get_state_tree(self, value_format="backend_tensor"):
        """Return the values of all variables in nested dicts, by the parts of their paths.

        Parameters
        ----------
        value_format : {"backend_tensor", "numpy_array"}
            Both give arrays.
        """
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                "Invalid `value_format` argument. Expected one of {'numpy_array', 'backend_tensor'}. "
                f"Received: value_format={value_format}"
            )
        tree = {}
        for group, variables in self._state_groups().items():
            tree[group] = {}
            for v in variables:
                *parents, last = v.path.split("/")
                branch = tree[group]
                for part in parents:
                    branch = branch.setdefault(part, {})
                if last in branch:
                    raise ValueError(
                        f"Two variables have the path '{v.path}': a tree of the state needs a path for each. Give "
                        "the layers names of their own."
                    )
                branch[last] = v.numpy()
        return tree

    def set_state_tree(self, state_tree):
        """Set variables from a tree, or a part of one, that `get_state_tree` has returned.

        Parameters
        ----------
        state_tree : dict

        Raises
        ------
        ValueError : it holds what the model has not, or values of other shapes. Nothing has changed then.
        """
        groups, pairs = self._state_groups(), []
        for group, tree in state_tree.items():
            if group not in groups:
                raise ValueError(f"Expected keys among {list(_GROUPS)}. Received: {group!r}")
            by_path = {v.path: v for v in groups[group]}
            for path, value in _leaves(tree, ""):
                if path not in by_path:
                    raise ValueError(f"The model has no variable '{path}' in {group}. It has: {list(by_path)}")
                if np.shape(value) != by_path[path].shape:
                    raise ValueError(
                        f"Variable '{path}' has shape {by_path[path].shape}. Received: a value of shape "
                        f"{np.shape(value)}"
                    )
                pairs.append((by_path[path], value))
        for v, value in pairs:
            v.assign(value)

    def _state_groups(self):
        optimizer = [] if self.optimizer is None else self.optimizer.variables
        own = (self.trainable_variables, self.non_trainable_variables, optimizer, self.metrics_variables)
        return dict(zip(_GROUPS, own, strict=True))


def _leaves(tree, path):
    if not isinstance(tree, dict):
        return [(path, tree)]
    return [leaf for key, value in tree.items() for leaf in _leaves(value, f"{path}/{key}" if path else key)]
