"""The phone: case, battery, board, cameras, sound, charging coil and connector, and how they lie in each other."""
