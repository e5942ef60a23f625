"""Transport between snapshots: coupling × bridge × network × sampler, in physical time."""
