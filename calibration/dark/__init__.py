"""The dark signal: offset, its growth with time and temperature, line noise."""
