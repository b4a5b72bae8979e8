"""One file per figure; each takes results and draws them. Matplotlib is imported inside the functions that draw."""

BAND = 1.96  # standard errors: 95 % of a normal distribution
