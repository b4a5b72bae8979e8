"""What stands in the beam: solids of named materials, placed in mm; imports nothing else of this project."""
