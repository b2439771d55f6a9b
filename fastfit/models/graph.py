"""The functional graph between given inputs and outputs: which nodes, in which order."""

from fastfit.graph.tensor import KerasTensor, Node
from fastfit.layers.core.input import Input, InputLayer
from fastfit.layers.layer import Layer
from fastfit.utils import nest
from fastfit.utils.naming import auto_name


class OpCall:
    """One use of an op on functional tensors: what `layers` has for layers, for summaries and messages.

    Parameters
    ----------
    node : Node
    """

    def __init__(self, node):
        self.op = node.operation
        op_name = self.op if isinstance(self.op, str) else self.op.name
        self.class_name = "".join(part.capitalize() for part in op_name.split("_"))
        self.name = auto_name(op_name)
        self._inbound_nodes = [node]


def tensors_of(node):
    """The tensors that a node reads."""
    return [t for t in nest.flatten(list(node.inputs)) if isinstance(t, KerasTensor)]


def is_input(tensor):
    """Whether a tensor comes straight from an Input."""
    return tensor.node is not None and isinstance(tensor.node.operation, InputLayer)


class GraphMap:
    """Nodes from inputs to outputs.

    Parameters
    ----------
    inputs, outputs : list of KerasTensor

    Attributes
    ----------
    nodes : list of Node
        In an order in which they can be run, without those of the inputs.
    nodes_by_depth : dict
        Depth (steps to an output) to its nodes, the deepest first.
    operations : list of Layer or OpCall
        Each once; the deepest first, those of one depth in the order of a walk from the outputs.
    """

    def __init__(self, inputs, outputs):
        self.inputs = list(inputs)
        self._input_ids = {id(t) for t in inputs}
        self._op_calls = {}
        order, walk_index = self._walk(outputs)
        self.nodes = [n for n in order if not isinstance(n.operation, InputLayer)]
        self._rank(order, walk_index)
        self._check(order)

    def operation_of(self, node):
        """The layer of a node, or the OpCall that stands for its op."""
        if isinstance(node.operation, Layer):
            return node.operation
        if id(node) not in self._op_calls:
            self._op_calls[id(node)] = OpCall(node)
        return self._op_calls[id(node)]

    def _parents(self, node):
        return [t.node for t in tensors_of(node) if not self._is_boundary(t)]

    def _is_boundary(self, tensor):
        """Whether the walk ends at this tensor although something made it."""
        return tensor.node is None or (id(tensor) in self._input_ids and not is_input(tensor))

    def _walk(self, outputs):
        # Depth first without recursion: a chain of a thousand layers must not meet Python's limit.
        done, order, walk_index = set(), [], {}
        for output in outputs:
            stack = [] if self._is_boundary(output) else [(output.node, False)]
            while stack:
                node, leaving = stack.pop()
                if leaving:
                    if id(node) not in done:
                        done.add(id(node))
                        order.append(node)
                    continue
                if id(node) in done:
                    continue
                walk_index.setdefault(id(self.operation_of(node)), len(walk_index))
                stack.append((node, True))
                stack.extend((p, False) for p in reversed(self._parents(node)) if id(p) not in done)
        return order, walk_index

    def _rank(self, order, walk_index):
        node_depth, operation_depth, operations = {}, {}, {}
        for node in reversed(order):
            operation = self.operation_of(node)
            operations[id(operation)] = operation
            depth = max(node_depth.get(id(node), 0), operation_depth.get(id(operation), 0))
            node_depth[id(node)] = operation_depth[id(operation)] = depth
            for parent in self._parents(node):
                node_depth[id(parent)] = max(depth + 1, node_depth.get(id(parent), 0))
        by_id = {id(n): n for n in order}
        for t in self.inputs:  # an input that no output needs still belongs to the model
            if is_input(t) and id(t.node.operation) not in operations:
                layer = t.node.operation
                operations[id(layer)] = layer
                operation_depth[id(layer)], walk_index[id(layer)] = 0, -1
                node_depth[id(t.node)], by_id[id(t.node)] = 0, t.node
        self.operations = sorted(operations.values(), key=lambda o: (-operation_depth[id(o)], walk_index[id(o)]))
        self.nodes_by_depth = {}
        for depth in sorted(set(node_depth.values()), reverse=True):
            self.nodes_by_depth[depth] = [by_id[key] for key, d in node_depth.items() if d == depth]
        self.node_ids = set(by_id)

    def _check(self, order):
        computable = set(self._input_ids)
        reached = []
        for node in order:
            operation = self.operation_of(node)
            if isinstance(operation, InputLayer):
                if not all(id(t) in computable for t in node.outputs):
                    raise ValueError(
                        f"Graph disconnected: cannot find parent for tensor {node.outputs[0]} at operation "
                        f"'{operation.name}': it is an Input, but not among the model's inputs "
                        f"{[t.name for t in self.inputs]}. The following previous operations were accessed without "
                        f"issue: {reached}"
                    )
                continue
            for t in tensors_of(node):
                if id(t) not in computable:
                    raise ValueError(
                        f"Graph disconnected: cannot find parent for tensor {t} at operation '{operation.name}'. "
                        f"The following previous operations were accessed without issue: {reached}"
                    )
            reached.append(operation.name)
            computable.update(id(t) for t in node.outputs)
        names = [o.name for o in self.operations]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f'The name "{name}" is used {names.count(name)} times in the model. All operation names should '
                    "be unique."
                )


def cut_at(inputs, outputs):
    """Return (inputs, outputs) of a copy of the graph in which every input comes from an Input.

    The layers are the same; they get new nodes.
    """
    flat_inputs, flat_outputs = nest.flatten(inputs), nest.flatten(outputs)
    fresh = {}
    for t in flat_inputs:
        fresh[id(t)] = t if is_input(t) else Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)
    graph = GraphMap(flat_inputs, flat_outputs)

    def renewed(x):
        return fresh.get(id(x), x) if isinstance(x, KerasTensor) else x

    for node in graph.nodes:
        new = [KerasTensor(t.shape, t.dtype) for t in node.outputs]
        fresh.update((id(old), t) for old, t in zip(node.outputs, new, strict=True))
        new_inputs = nest.map_structure(renewed, list(node.inputs))
        if isinstance(node.operation, Layer):
            attrs = {key: nest.map_structure(renewed, value) for key, value in node.attrs.items()}
            node.operation._inbound_nodes.append(Node(node.operation, new_inputs, attrs, new))
        else:
            Node(node.operation, new_inputs, node.attrs, new)
    return nest.map_structure(renewed, inputs), nest.map_structure(renewed, outputs)
