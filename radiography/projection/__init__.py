"""What the object lets through: rays from the focal spot through solids, summed over the beam."""
