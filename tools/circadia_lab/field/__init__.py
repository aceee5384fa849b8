"""What devices were measured to draw: joules by action and by load, and how sure that is."""
