"""Trainings that an evaluation needs, kept in a folder: what is there is loaded, what is missing is trained."""
