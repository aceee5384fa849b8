"""Other people's trainers, for comparison: in an environment of their own, called as processes, judged like ours."""
