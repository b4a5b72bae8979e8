"""Steps of the noise power spectrum: trend and defects, hum, spectra of blocks, curves through them, lag."""
