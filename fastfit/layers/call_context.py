"""What a layer's call hands on to the calls inside it: the ``training`` flag and the masks of tensors."""

import threading

from fastfit.graph import masks
from fastfit.graph.tensor import KerasTensor
from fastfit.utils.naming import name_scope


class _CallContext(threading.local):
    def __init__(self):
        self.training = None
        self.depth = 0
        # A NumPy array takes no attribute, so its mask is kept here while the outermost call runs. The tensor is kept
        # with it: a freed one would leave its id to another.
        self.masks = {}


context = _CallContext()


class enter_call(name_scope):
    """Hold ``training`` and the layer's path for the calls inside; the outermost one drops the masks when it ends."""

    def __init__(self, training, path):
        super().__init__(path, absolute=True)
        self.training = training

    def __enter__(self):
        super().__enter__()
        self.outer_training = context.training
        context.training = self.training
        context.depth += 1
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        context.training = self.outer_training
        context.depth -= 1
        if context.depth == 0:
            context.masks.clear()


def get_mask(tensor):
    """Return the mask of a tensor, or None."""
    mask = masks.get_mask(tensor)
    if mask is None and id(tensor) in context.masks:
        mask = context.masks[id(tensor)][1]
    return mask


def set_mask(tensor, mask):
    """Attach a mask to a tensor."""
    if isinstance(tensor, KerasTensor):
        masks.with_mask(tensor, mask)
    elif context.depth:
        context.masks[id(tensor)] = (tensor, mask)
