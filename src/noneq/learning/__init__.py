"""The gradient loop and what stands around it: objectives, checkpoints, methods, rows."""
