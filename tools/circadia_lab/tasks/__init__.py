"""The public name of `circadia_lab.data.tasks`."""
