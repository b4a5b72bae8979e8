"""How good a calibrated panel is: uniformity, noise, lag and defects, and their trend."""
