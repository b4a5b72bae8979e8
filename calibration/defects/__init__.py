"""Bad pixels: criteria, how they are found, clusters, ageing, files, and the values put in their place."""
