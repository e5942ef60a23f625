"""Free energies from work, the fluctuation theorems behind them, and the bounds on dissipation."""
