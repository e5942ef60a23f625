"""The study of bridges between snapshots: problems with a known answer, and methods put to them."""
