"""A film on a plate seen by a camera: lens, sensor, mosaic of colours, and where quanta are lost."""
