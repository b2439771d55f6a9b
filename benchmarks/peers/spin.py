"""A process that wants a core all the time, for `busy_core.py`."""

while True:
    pass
