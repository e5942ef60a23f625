"""Many fits: grids of settings, on processes that may die."""
