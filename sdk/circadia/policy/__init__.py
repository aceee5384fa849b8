"""The policy room: what scores actions."""
