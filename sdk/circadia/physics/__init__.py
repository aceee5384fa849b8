"""The body's physics, pure: dynamics, parameters, state, surroundings, scenarios."""
