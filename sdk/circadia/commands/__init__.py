"""The subcommands of `circadia`, one module each."""
