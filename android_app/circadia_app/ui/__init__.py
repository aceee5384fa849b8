"""The screens, in Kivy: one is a .py and a .kv, and shows one view model. What is drawn changes with new data only."""
