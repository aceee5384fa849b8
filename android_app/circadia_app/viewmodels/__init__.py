"""What the screens show, as values: no Kivy, no file, no clock. One file a screen."""
