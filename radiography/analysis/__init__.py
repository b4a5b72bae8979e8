"""Measures of image quality: corrected images and a pixel pitch in, small results out. Imports nothing of ours."""
