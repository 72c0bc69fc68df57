"""Near copies: pairs of texts or vectors that are alike, and what follows from them. One file per measure."""
