"""Small worlds with a day in them, whose optimum is known exactly and in which any policy can be played exactly."""
