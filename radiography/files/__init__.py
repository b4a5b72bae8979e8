"""Frames from and to files: TIFF, .npy, DICOM, headerless raw; grey previews."""
