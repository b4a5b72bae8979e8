"""How pixels answer to dose: one dose or several, and the field of the beam."""
