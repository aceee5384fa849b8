"""The federation over MQTT: protocol cores without I/O, and thin shells around them."""
