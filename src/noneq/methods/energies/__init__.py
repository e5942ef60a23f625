"""Energy models: an energy is learnt, or known and its states are learnt."""
