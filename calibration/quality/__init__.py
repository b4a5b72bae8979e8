"""Quality of a calibrated panel: uniformity, noise, lag and defects, and their trend."""
