"""Topics, messages and pieces as bytes."""
