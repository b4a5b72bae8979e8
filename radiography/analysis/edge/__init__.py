"""Steps of the slanted-edge measurement: find the edge, fit its line, bin across it, take its spread."""
