"""Scenes of other programs: read, judged key by key, and written as scenes of ours."""
