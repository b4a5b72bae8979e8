"""X-rays in the layer and the diodes: photon by photon, and what one photon leaves on average."""
