"""Rules: verdicts from scores; one file each."""
