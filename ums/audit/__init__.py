"""Reviews: which rules catch what, who must let it pass, and the tickets that they work on."""
