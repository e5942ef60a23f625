"""Data that stay in their file: zarr read chunk by chunk, written part by part."""
