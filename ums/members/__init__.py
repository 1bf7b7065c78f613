"""People who work with UMS: who they are, what they may do, how they prove it, and what they did."""
