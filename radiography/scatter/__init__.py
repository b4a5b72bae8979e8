"""X-rays that an object scatters onto the panel: Monte Carlo of photons, smooth map of what arrives, and grids."""
