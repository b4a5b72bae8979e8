"""Studies of a layer or a panel without frames: reports, fits to measured curves, residual frames."""
