"""What the workbench adds to `circadia field`: plan, analyse, verify."""
