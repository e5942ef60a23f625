"""What kind of motion paths show, and whether a fitted drift leaves anything over."""
