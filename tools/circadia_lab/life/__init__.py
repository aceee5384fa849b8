"""The life of a fleet on a clock that is moved: what `./tools/run` plays, in one process and without waiting."""
