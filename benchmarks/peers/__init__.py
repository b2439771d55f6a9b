"""The worker scripts; `common.Worker` runs each in a process of its own."""
