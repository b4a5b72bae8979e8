"""Lag of earlier frames in later ones: learned from sequences, subtracted from frames."""
