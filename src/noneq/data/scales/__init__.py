"""The scale on which models see coordinates: where their zero lies, their unit, and transforms."""
