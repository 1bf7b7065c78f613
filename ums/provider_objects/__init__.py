"""Templates and signatures that providers keep: what is known of them, and how content names them."""
