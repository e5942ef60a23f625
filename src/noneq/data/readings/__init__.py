"""How files of others are read: what was asked for, what was found, and what is made of it."""
