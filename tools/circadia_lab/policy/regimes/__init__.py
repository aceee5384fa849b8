"""When to wake and what to do in one wake: the certified optimum by regime, its rivals, and worlds to play policies in."""
