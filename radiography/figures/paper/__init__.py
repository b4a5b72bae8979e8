"""Figures of the paper that the film panel comes from: one file for each, and a table of contents."""
