"""What would have happened, and who acts on whom."""
