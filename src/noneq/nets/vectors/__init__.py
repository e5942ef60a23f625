"""Networks of vectors."""
