"""The link to a broker, and brokers."""
