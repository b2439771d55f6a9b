"""Names and configs of optimizers; the classes enter themselves when the package is imported."""

from fastfit.utils.registry import Registry


class _Optimizers(Registry):
    """A registry in which names match in any case."""

    def find(self, name, custom_objects=None):
        known = name.lower() if name.lower() in self.names else name
        return super().find(known, custom_objects)

    def deserialize(self, config, custom_objects=None):
        """Return the optimizer of a config; class names match in any case too."""
        name = config.get("class_name") if isinstance(config, dict) else None
        if isinstance(name, str) and name not in self.names and name.lower() in self.names:
            config = {**config, "class_name": name.lower()}
        return super().deserialize(config, custom_objects)

    def add(self, *classes):
        """Enter classes by their names, in lower case too."""
        super().add(*classes)
        self.names.update({cls.__name__.lower(): cls for cls in classes})


REGISTRY = _Optimizers("optimizer", "optimizers")
