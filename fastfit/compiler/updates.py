"""What an optimizer does in a step, as instructions.

Of a variable's update, the kernel of its optimizer does as much as it can: weight decay and the update itself, from the
registers that the gradient was computed in. Everything before and after is traced: loss scale, clipping, updates
without a kernel, constraints. Averages, accumulated gradients and what happens only in some steps have instructions of
their own. What cannot be traced is done by the optimizer in NumPy, as one host instruction.
"""

from __future__ import annotations

from math import prod

from fastfit.compiler import lower, neighbours, rules_dense
from fastfit.compiler.builder import ALWAYS
from fastfit.compiler.scalars import fold_scalars
from fastfit.graph import storage, trace
from fastfit.graph.tensor import KerasTensor, Node
from fastfit.optimizers import MultiOptimizer, Optimizer

# Counters of iterations that a run takes, less one for the optimizer that holds the others.
MAX_PARTS = 63


class Plan:
    """The updates of one program.

    Parameters
    ----------
    optimizer : Optimizer or None
        Built for the variables.
    gradients : list of (Variable, KerasTensor)
    order : list of Node
        Of the graph that computes them, and everything else.
    assigned : dict
        Variable to the tensor that the step itself sets it to: the update goes on from there.

    Attributes
    ----------
    roots : list of KerasTensor
        What must be computed before any variable changes.
    counters : list of Optimizer
        Whose iterations the program counts, and whose learning rates it takes.
    """

    def __init__(self, optimizer, gradients, order, assigned):
        self.parts, self.counters, self.roots = [], [], []
        self.assigned, self.optimizer = assigned, optimizer
        self.known = {id(node) for node in order}
        if optimizer is None:
            return
        acting = optimizer.acting
        pack_slots(acting)
        try:
            self._make_parts(acting, gradients)
        except Exception as error:  # whatever a user's update does that symbolic tensors cannot
            self.parts, self.counters = [HostPart(acting, gradients, error)], []
        self.roots = [t for part in self.parts for t in part.roots]

    def _make_parts(self, optimizer, gradients):
        groups = [(optimizer, gradients)]
        if type(optimizer) is MultiOptimizer:
            groups = optimizer.parts(gradients)
        for counter, (inner, pairs) in enumerate(groups):
            check_traceable(inner, pairs, len(groups))
            own = {v: self.assigned[v] for v, _ in pairs if v in self.assigned}
            self.parts.append(Part(inner, pairs, counter, own))
            self.counters.append(inner)
        if type(optimizer) is MultiOptimizer:
            self.counters.append(optimizer)

    def attach(self, low):
        """Claim what updates take in, before the graph is lowered."""
        new = [n for n in low.order if id(n) not in self.known]
        fold_scalars(low, new)
        if self.optimizer is not None:
            changed = [*self.optimizer.acting.variables, *(v for part in self.parts for v in part.variables)]
            low.b.updated = {id(v._storage) for v in changed}
        for part in self.parts:
            part.attach(low)

    def emit(self, low):
        """Write the instructions that change variables, once the graph is lowered.

        What updates are computed from comes before the first of them, whichever part it is for.
        """
        with low.b.marked(phase=1):
            for v, tensor in self.assigned.items():
                low.write(v, tensor)
            for part in self.parts:
                part.prepare(low)
            for part in self.parts:
                part.emit(low)


class NotTraceable(Exception):
    """Why an optimizer's own Python must run in every step."""


def check_traceable(optimizer, pairs, count):
    if type(optimizer).apply is not Optimizer.apply or type(optimizer)._apply is not Optimizer._apply:
        raise NotTraceable(f"{type(optimizer).__name__} has an apply() of its own")
    if any(v.dtype != "float32" for v, _ in pairs):
        raise NotTraceable("a variable is not float32")
    if count > MAX_PARTS:
        raise NotTraceable(f"more than {MAX_PARTS} optimizers")


def pack_slots(optimizer):
    """Slots lie as their variables do."""
    for inner in getattr(optimizer, "optimizers", [optimizer]):
        for v in inner._trainable_variables:
            for slot in inner.slots_like(v) if v._storage.packed else ():
                if slot.shape == v.shape and slot.dtype == "float32":
                    storage.pack(slot)


def kernel_of(optimizer, variable):
    """(opcode, hyper-parameters) of a variable's update, or None: a subclass may have another than its kernel."""
    owners = type(optimizer).__mro__

    def owner(name):
        return next(i for i, cls in enumerate(owners) if name in vars(cls))

    steps = ("update_step", "update_steps", "decay_and_update", "assign", "assign_add", "assign_sub")
    if any(owner(name) < owner("native") for name in steps):
        return None
    return optimizer.native(variable)


class HostPart:
    """The optimizer's own arithmetic in NumPy."""

    def __init__(self, optimizer, gradients, error):
        self.optimizer, self.gradients = optimizer, gradients
        self.variables = [v for v, _ in gradients]
        self.reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.roots = [g for _, g in gradients]

    def attach(self, low):
        pass

    def prepare(self, low):
        pass

    def emit(self, low):
        optimizer, variables = self.optimizer, self.variables
        with low.b.marked(phase=0):
            places = [low.place(g) for g in self.roots]

        def update(program, batch, reads, writes):
            arrays = [
                lower.view(program, w, (v.shape, v.dtype), batch).copy() for w, v in zip(reads, variables, strict=True)
            ]
            optimizer.apply(arrays, variables)

        # every variable: the optimizer may read any of them
        written = [low.b.storage(v._storage) for v in variables]
        low.b.host(update, places, written, phase=1, label=f"optimizer ({self.reason})")


class Part:
    """The updates of the variables of one optimizer.

    Parameters
    ----------
    optimizer : Optimizer
    pairs : list of (Variable, KerasTensor)
    counter : int
        Of its iterations.
    before : dict
        Variable to the tensor that the step has set it to before the update.
    """

    def __init__(self, optimizer, pairs, counter, before):
        self.optimizer, self.counter, self.before = optimizer, counter, before
        self.variables = [v for v, _ in pairs]
        self.every = optimizer.gradient_accumulation_steps or 1
        self.kernels = {v: kernel_of(optimizer, v) for v in self.variables}
        with trace.Trace():
            self.raw = dict(pairs)
            if optimizer.loss_scale_factor is not None:
                self.raw = {v: g / optimizer.loss_scale_factor for v, g in pairs}
        if self.every == 1:
            self.final, self.assigned = self._trace(list(self.raw.values()))
            self.roots = self._due_roots()
        else:
            with trace.Trace() as t:
                sums = [t.read(self._sum(v)) / self.every for v in self.variables]
            self.final, self.assigned = self._trace(sums)
            self.roots = list(self.raw.values())
        self.constrained = [(v, *_trace_constraint(v)) for v in self.variables if v.constraint is not None]

    def _trace(self, grads):
        """(gradients for the kernels, what variables without one are assigned), from gradients of a step."""
        with trace.Trace() as t:
            t.updates.update(self.before)
            clipped = dict(zip(self.variables, self.optimizer.clip_gradients(grads), strict=True))
            traced = [v for v in self.variables if self.kernels[v] is None]
            if traced:
                rate = KerasTensor((), "float32")
                Node("rate", [], {"counter": self.counter}, [rate])
                self.optimizer.decay_and_update([clipped[v] for v in traced], traced, rate)
        assigned = {v: tensor for v, tensor in t.updates.items() if tensor is not self.before.get(v)}
        return {v: clipped[v] for v in self.variables if self.kernels[v] is not None}, assigned

    def _due_roots(self):
        return [*self.final.values(), *self.assigned.values()]

    def _sum(self, variable):
        return self.optimizer._accumulated_gradients[self.optimizer._get_variable_index(variable)]

    def _variant(self, low, op, h, state=None):
        index = 0 if state is None else low.b.storage(state._storage).index + 1
        return low.b.variant(op, h, self.every, self.counter, index)

    # Emission -----------------------------------------------------------------------------------------------------

    def attach(self, low):
        if self.every == 1:
            self._pending = [self._kernel(low, v) for v in self.final]
        else:
            self._pending = [self._accumulate(low, v) for v in self.variables]

    def _when_due(self, low):
        return low.b.marked(phase=1, when=(1, self.every, self.counter) if self.every > 1 else ALWAYS)

    def prepare(self, low):
        """What changes no variable of the model's: sums of gradients, and what is assigned in place of a kernel."""
        if self.every == 1:
            _save(low, self.assigned)
            return
        for emit in self._pending:
            emit()
        with self._when_due(low):
            new = low.add(self._due_roots())
            fold_scalars(low, new)
            self._pending = [self._kernel(low, v) for v in self.final]
            low.run_newest(new)
            _save(low, self.assigned)

    def emit(self, low):
        """What changes variables."""
        with self._when_due(low):
            for emit in self._pending:
                emit()
            for v, tensor in self.assigned.items():
                low.write(v, tensor)
            for v in self.variables if self.every > 1 else ():
                where = low.b.storage(self._sum(v)._storage)
                low.b.emit("fill", [where], (_floats(v), 0), (0.0,), rows=(0, 1), cut="whole")
        if self.optimizer.use_ema:
            self._emit_averages(low)
        for v, tensor, error in self.constrained:
            _emit_constraint(low, v, tensor, error)

    def _accumulate(self, low, variable):
        """Adds the gradient of this step to the sum."""
        gradient, total = self.raw[variable], low.b.storage(self._sum(variable)._storage)
        terms, emit = _claim(low, variable, gradient)
        if terms:

            def add():
                for node in terms:
                    emit(low, node, total, 1)

        else:

            def add():
                place = low.place(gradient)
                low.b.emit("add", [total, place, total], (_floats(variable), 0, 0), rows=(0, 1))

        return add

    def _kernel(self, low, variable):
        """The kernel's update, inside the gradient's instruction if possible."""
        op, h = self.kernels[variable]
        state = self.optimizer.native_state()
        variant = self._variant(low, op, h, state)
        slots = self.optimizer.native_slots(self.optimizer._get_variable_index(variable))
        update = [low.b.storage(v._storage) for v in (variable, *slots)]
        gradient = self.final[variable]
        terms, emit = _claim(low, variable, gradient)

        def flat():
            place = low.place(gradient)
            _flat(low, op, variant, [place, *update], variable)

        def fused():
            emit(low, terms[0], None, 2, update, variant)

        def summed():
            place = low.b.slot(variable.shape)
            with low.b.marked(phase=0):
                for i, node in enumerate(terms):
                    emit(low, node, place, 0 if i == 0 else 1)
            _flat(low, op, variant, [place, *update], variable)

        return flat if not terms else fused if len(terms) == 1 else summed

    def _emit_averages(self, low):
        optimizer = self.optimizer
        variables = optimizer._trainable_variables
        averages = optimizer._model_variables_moving_average
        places = [
            [low.b.storage(a._storage), low.b.storage(v._storage)] for a, v in zip(averages, variables, strict=True)
        ]
        variant = self._variant(low, "average", [0.0, float(optimizer.ema_momentum)])
        for (average, weight), v in zip(places, variables, strict=True):
            _flat(low, "average", variant, [weight, average], v)
        frequency = optimizer.ema_overwrite_frequency
        if frequency:
            with low.b.marked(phase=1, when=(self.every, frequency, self.counter)):
                for (average, weight), v in zip(places, variables, strict=True):
                    low.b.copy(average, weight, _floats(v))


def _save(low, assigned):
    """Set aside what one variable is to get from another, before the other changes."""
    for tensor in assigned.values():
        where = low.places[id(tensor)]
        if where.start:
            low.places[id(tensor)] = low.b.at_start(where)
        elif where.kind == "var":
            low.places[id(tensor)] = low.b.slot(tensor.shape, tensor.dtype)
            low.b.copy(where, low.places[id(tensor)], prod(tensor.shape))


def _floats(variable):
    return prod(variable.shape)


def _flat(low, op, variant, operands, variable):
    n = _floats(variable)
    low.b.emit(op, operands, (n, variant), rows=(0, 1), cut="whole", cost_fix=25.0 * n)


def _claim(low, variable, gradient):
    """(dense gradient nodes, function that emits one) if the gradient is a sum of nothing else, else (None, None)."""
    name, emit = ("dense_dw", rules_dense.emit_dw) if variable._storage.packed else ("dense_db", rules_dense.emit_db)
    terms = neighbours.gradient_terms(gradient, low.users, name)
    if terms is None or not all(_fusable(n) for n in terms):
        return None, None
    low.late_grads.update(id(n) for n in terms)
    low.skip.update(id(n) for n in neighbours.sum_nodes(gradient, name))
    return terms, emit


def _fusable(node):
    dy = node.inputs[-1]
    shapes_fit = lower.leading(dy.shape[:-1]) is not None and len(dy.shape) >= 2
    return shapes_fit and lower.is_f32(*node.inputs, node.outputs[0])


def _trace_constraint(variable):
    """(tensor of the constrained value, None), or (None, why there is none)."""
    try:
        with trace.Trace() as t:
            variable.assign(variable.constraint(variable))
        return t.updates[variable], None
    except Exception as error:  # as for updates
        return None, error


def _emit_constraint(low, variable, tensor, error):
    if error is None:
        new = low.add([tensor])
        fold_scalars(low, new)
        low.run_newest(new)
        low.write(variable, tensor)
        return
    place = low.b.storage(variable._storage)

    def constrain(program, batch, reads, writes):
        variable.assign(variable.constraint(variable))

    low.b.host(constrain, [], [place], phase=1, label=f"constraint of {variable.path} ({error})")
