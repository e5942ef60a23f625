"""Events that hardly ever happen: how probable they are, and how they come about."""
