"""Flat-panel digital radiography: forward model from the tube to the raw frame, and image quality of real frames."""
