"""TFLite: the interpreter, picked by name, and model files."""
