"""HTML report: one page with curves, pictures and tables, that opens without a network."""
