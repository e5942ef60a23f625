"""What every fitted distribution is made of: units of the user, normalisation, checks."""
