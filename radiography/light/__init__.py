"""The scintillator and its light: transport in film or columns, light at the diodes, spread, decay."""
