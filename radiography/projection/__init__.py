"""Shadow of the object: rays from the focal spot through solids, summed over the beam."""
