"""What a field test found, from nothing but its bundle."""
