"""How policy files are made from networks and rules."""
