"""Templates and signatures at providers: made as the documents say, their reviews followed, their list kept true."""
