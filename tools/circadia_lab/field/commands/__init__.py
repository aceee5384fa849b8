"""`circadia field …`: plan, run, analyse, verify."""
