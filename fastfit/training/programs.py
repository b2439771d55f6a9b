"""The compiled steps of a model, behind what they were made from."""

import weakref

# Steps for data of one form that are kept beside each other, so that what is switched to and fro finds its own again.
VARIANTS = 4


class Programs:
    """Steps by the form of their data; of each form several, made from different states of Python's objects.

    Parameters
    ----------
    model : Model
        Held weakly: the model holds this.

    Notes
    -----
    Several threads may ask: lists are replaced, never edited.
    """

    def __init__(self, model):
        self._model = weakref.ref(model)
        self._steps = {}

    def find(self, key):
        """Return the step that was made from what is there now, or None."""
        steps = self._steps.get(key)
        if steps is None:
            return None
        model = self._model()
        for i, step in enumerate(steps):
            if step.is_of(model):
                if i:
                    self._steps[key] = [step, *(s for s in steps if s is not step)]
                return step
        self._steps[key] = [step for step in steps if step.compiled.valid()]
        return None

    def add(self, key, step):
        """Keep a step, in the place of the oldest one if there are several for such data."""
        self._steps[key] = [step, *self._steps.get(key, ())][:VARIANTS]
        compiled, mine = weakref.ref(step.compiled), weakref.ref(self)

        def forget(dropped):
            programs = mine()
            if programs is not None and dropped is compiled():
                programs.remove(dropped)

        step.compiled.on_drop = forget

    def remove(self, compiled):
        """Forget a step whose memory is given back."""
        for key, steps in list(self._steps.items()):
            left = [step for step in steps if step.compiled is not compiled]
            if not left:
                self._steps.pop(key, None)
            elif len(left) < len(steps):
                self._steps[key] = left
        model = self._model()
        if model is not None:
            model.__dict__["_fast"] = None

    def clear(self):
        """Forget all."""
        self._steps.clear()
        model = self._model()
        if model is not None:
            model.__dict__["_fast"] = None

    def items(self):
        """Pairs of key and step, the newest step of each key first."""
        return [(key, step) for key, steps in list(self._steps.items()) for step in steps]

    def values(self):
        """All steps."""
        return [step for _, step in self.items()]

    def __len__(self):
        return sum(map(len, self._steps.values()))
