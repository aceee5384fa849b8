"""The aggregator's end of the federation: protocol core, ledger, service."""
