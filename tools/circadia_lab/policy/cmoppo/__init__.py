"""C-MOPPO: one policy for all preferences, trained by constrained multi-objective PPO (arXiv:2605.25916, section 4)."""
