"""What earlier frames leave in later ones: learned from sequences, subtracted from frames."""
