"""Traces one training, test or prediction step of a model and compiles it."""

from __future__ import annotations

from fastfit import compiler
from fastfit.graph import rewrite, trace
from fastfit.graph.differentiate import gradients
from fastfit.graph.masks import get_mask
from fastfit.graph.op import apply
from fastfit.graph.tensor import make_input
from fastfit.training import custom_step
from fastfit.utils import nest
from fastfit.utils.returned import must_return
from fastfit.utils.warn import warn_user


class Step:
    """A compiled step and what its columns are.

    Parameters
    ----------
    compiled : compiler.Compiled
    labels : list of (int, int, str)
        Columns that hold class ids, with the number of classes and the output's name.
    """

    def __init__(self, compiled, labels):
        self.compiled = compiled
        self.labels = labels
        self.reads = self.structure = None

    def made_from(self, reads, structure):
        """Keep what the step was made from: what its trace has read, and `Trainer._structure_now` of then."""
        self.reads, self.structure = reads, structure

    def is_of(self, model):
        """Whether all that the step was made from is as it was."""
        if self.reads.settled() and self.compiled.valid():
            return True
        return self.compiled.valid() and self.structure[0] == model._structure_now()[0] and self.reads.valid()


def trace_step(model, kind, x, y, w, batch):
    """Trace and compile one kind of step.

    Parameters
    ----------
    model : Model
        Built, and compiled unless kind is "predict".
    kind : {"train", "test", "predict"}
    x, y, w : list of Column or None
        Inputs, then targets and sample weights by output (None where there are none).
    batch : int
        Batch size that the program is planned for.

    Returns
    -------
    Step
    """
    feeds, tensors, owners = [], {}, []
    for group, columns in (("x", x), ("y", y), ("w", w)):
        tensors[group] = []
        for i, c in enumerate(columns):
            if c is None:
                tensors[group].append(None)
                continue
            tensor = make_input((None, *c.shape), c.fed)
            tensor.node.attrs["data"] = _called(model, group, i)
            feeds.append((tensor, c.dtype))
            owners.append(i)
            tensors[group].append(tensor)
    if kind == "predict":
        return Step(_trace_outputs(model, feeds, tensors["x"], batch), [])
    if custom_step.is_custom(model, kind):
        model._note_metrics()
        optimizer, grads, t, counts = custom_step.trace_custom(model, kind, tensors["x"], tensors["y"], tensors["w"])
        fused, _ = rewrite.fuse(list(t.updates.values()))
        updates = list(zip(t.updates, fused, strict=True))
        loss, read = None, {}
    else:
        counts = []
        optimizer, grads, updates, loss, read = _default(model, kind, tensors)
    if kind == "train" and optimizer is not None and grads:
        grads = model._usable_gradients(grads, loss, read)
        if optimizer is model.optimizer:
            optimizer.build(model.trainable_variables)
        optimizer.check_known([v for v, _ in grads])
    if kind == "train" and not grads and not _changes(model, updates):
        warn_user("The model has no trainable weights in this step: nothing is updated.")
    compiled = compiler.compile_program(
        feeds, updates=updates, optimizer=optimizer, gradients=grads, batch=batch, counts=counts
    )
    names = model._known_output_names()
    return Step(compiled, [(c, classes, names[owners[c]]) for c, classes in sorted(compiled.labels.items())])


def _called(model, group, i):
    """What messages call a column of data."""
    if group == "x":
        names = getattr(model, "input_names", None) or ()
        return f"input '{names[i]}'" if i < len(names) else "`x`"
    return "`y`" if group == "y" else "`sample_weight`"


def _changes(model, updates):
    """Whether a step of the user's, without gradients, sets weights by itself: of this model, or trainable ones."""
    weights = {id(v) for v in model.variables} if custom_step.is_custom(model, "train") else ()
    return any(id(v) in weights or (weights and v.trainable) for v, _ in updates)


def _trace_outputs(model, feeds, x, batch):
    """The program of predict."""
    with trace.Trace():
        if custom_step.is_custom(model, "predict"):
            y_pred = model.predict_step((model._pack_inputs(x),))
            must_return(y_pred, f"`predict_step()` of {type(model).__name__} '{model.name}'", "the outputs")
            model.__dict__["_predict_struct"] = nest.map_structure(lambda t: None, y_pred)
        else:
            y_pred = model._call_for_step(x, training=False)
            _settle_struct(model, y_pred)
        flat = nest.flatten(y_pred)
        model.__dict__["_masked_outputs"] = any(get_mask(p) is not None for p in flat)
        fused, _ = rewrite.fuse(flat)
    return compiler.compile_program(feeds, outputs=_distinct(fused), batch=batch)


def _settle_struct(model, y_pred):
    model.__dict__["_settled_struct"] = nest.map_structure(lambda t: None, y_pred)


def _default(model, kind, tensors):
    """The step that compile() describes: (optimizer, gradients, updates, loss, tensors of variables)."""
    with trace.Trace() as t:
        y_pred = model._call_for_step(tensors["x"], training=kind == "train")
        _settle_struct(model, y_pred)
        y = model._targets_of_step(tensors["x"], tensors["y"])
        loss = model._loss_of_step(tensors["x"][0], y, nest.flatten(y_pred), tensors["w"], kind == "train")
    variables = model.trainable_variables if kind == "train" else []
    read = {v: t.variables[v] for v in variables if v in t.variables}
    updates = list(t.updates.items())
    optimizer = model.optimizer if variables else None
    # the loss is rewritten before it is differentiated: stable gradients from logits
    scaled = loss if optimizer is None else optimizer.scale_loss(loss)
    (scaled, *values), _ = rewrite.fuse([scaled, *[u for _, u in updates]])
    updates = [(v, u) for (v, _), u in zip(updates, values, strict=True)]
    grads = []
    if optimizer is not None:
        targets = [read.get(v) for v in variables]
        found = iter(gradients(scaled, [g for g in targets if g is not None]))
        grads = [(v, next(found) if g is not None else None) for v, g in zip(variables, targets, strict=True)]
    return optimizer, grads, updates, scaled, read


def _distinct(tensors):
    """Each output needs a tensor of its own: the same one twice is copied."""
    seen, out = set(), []
    for t in tensors:
        while id(t) in seen:
            t = apply("identity", t)
        seen.add(id(t))
        out.append(t)
    return out
