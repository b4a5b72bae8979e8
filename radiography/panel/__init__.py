"""The panel: its description and maps, photodiodes, charge trapping, readout."""
