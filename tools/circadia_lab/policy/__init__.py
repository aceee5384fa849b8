"""The policy's wing: environment, optimum, training, evaluation, files, commands."""
