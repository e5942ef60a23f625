"""Networks of fields on grids."""
