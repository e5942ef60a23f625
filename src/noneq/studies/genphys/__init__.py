"""Which physical processes generate: PDEs and their samplers."""
