"""From a linear corrected image to one for the eye."""
