"""Sweeps: one scene at many values of its keys, each sample kept in a zarr folder, on one machine or several."""
