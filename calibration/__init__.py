"""What is learned from dark and flat frames, and how it is applied; imports nothing else of this project."""
