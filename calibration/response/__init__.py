"""The response of pixels to dose: one dose or several, and the field of the beam."""
