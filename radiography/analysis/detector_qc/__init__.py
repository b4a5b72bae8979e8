"""Lag, uniformity, noise, contrast, wires, steps and linearity of a detector, from images of anyone."""
