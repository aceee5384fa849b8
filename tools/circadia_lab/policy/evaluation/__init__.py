"""What policies are worth: paired rollouts, rules to beat, figures with intervals, pictures and one page."""
