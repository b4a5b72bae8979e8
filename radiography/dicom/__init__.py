"""Digital X-ray (DX) objects: what a DICOM file says about a picture, and its pixels, written and read."""
