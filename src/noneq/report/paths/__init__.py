"""Pictures and tables of motion: paths, films, and the laws that were learnt from them."""
