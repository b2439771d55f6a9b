"""Training in PyTorch, as fast as it goes: fused Adam, rows by index, eager or compiled, whichever is faster here."""

import time

import torch
from jobs import CHECK_STEPS, JOBS
from worker import serve, versions

# What torch.compile must beat is worth a short trial only.
TRIAL_STEPS = 10


def build(job):
    layers = []
    sizes = (job.inputs, *job.units)
    for i, (k, n) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers.append(torch.nn.Linear(k, n))
        if i < len(job.units) - 1:
            layers.append(torch.nn.ReLU() if job.activation == "relu" else torch.nn.Tanh())
    return torch.nn.Sequential(*layers)


def load_weights(model, arrays):
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, w, b in zip(linear, arrays[::2], arrays[1::2], strict=True):
            layer.weight.copy_(torch.from_numpy(w.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))


class Trainer:
    """One way of running a step."""

    def __init__(self, job, compiled):
        self.job = job
        self.model = build(job)
        load_weights(self.model, job.weights())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.forward = torch.compile(self.losses) if compiled else self.losses

    def losses(self, x, y):
        z = self.model(x)
        if not self.job.classes:
            return torch.nn.functional.mse_loss(z, y), None
        return torch.nn.functional.cross_entropy(z, y), (z.argmax(1) == y).sum()

    def step(self, x, y):
        loss, hits = self.forward(x, y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), hits


def setup(job, rows, batch, threads, epochs=1, try_compile=True):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    spec = JOBS[job]
    x, y = (torch.from_numpy(array) for array in spec.data(rows))
    if spec.classes:
        y = y.long()
    trainers = {"eager": Trainer(spec, False)}
    note = ""
    if try_compile:
        try:
            trainers["compiled"] = Trainer(spec, True)
            trainers["compiled"].step(x[:batch], y[:batch])
        except Exception as error:  # inductor needs a C++ compiler, among other things
            trainers.pop("compiled", None)
            note = f" (torch.compile: {type(error).__name__})"
    times = {}
    for name, trainer in trainers.items():
        trainer.step(x[:batch], y[:batch])
        start = time.perf_counter()
        for _ in range(TRIAL_STEPS):
            trainer.step(x[:batch], y[:batch])
        times[name] = time.perf_counter() - start
    chosen = min(times, key=times.get)
    trainer = trainers[chosen]
    steps = -(-rows // batch) * epochs

    def check():
        fresh = Trainer(spec, False)
        count = min(rows, CHECK_STEPS * batch)
        losses = []
        for _ in range(CHECK_STEPS * batch // count):
            losses = [fresh.step(x[i : i + batch], y[i : i + batch])[0] for i in range(0, count, batch)]
        return {"loss": float(torch.stack(losses).mean())}

    def one_round():
        start = time.perf_counter()
        for _ in range(epochs):
            if rows == batch:
                total, _ = trainer.step(x, y)
                continue
            total = hits = 0
            order = torch.randperm(rows)
            for i in range(0, rows, batch):
                index = order[i : i + batch]
                loss, hit = trainer.step(x[index], y[index])
                total, hits = total + loss, hits + hit
        float(total)
        return {"seconds": (time.perf_counter() - start) / steps, "steps": steps}

    return {"versions": versions("torch"), "variant": chosen + note}, {"check": check, "round": one_round}


if __name__ == "__main__":
    serve(setup)
