"""The X-ray beam: attenuation of materials, tubes and filters, spectra at the detector."""
