"""The corrections of a frame: plan, fused pass and its kernels, saturation, glare, variance, undo."""
