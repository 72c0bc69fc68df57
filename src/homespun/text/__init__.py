"""Words, normalisation, prompts, tolerant parsing; English and Japanese."""
