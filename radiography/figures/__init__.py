"""One file per figure; each takes results and draws them. Matplotlib is imported inside the functions that draw."""
