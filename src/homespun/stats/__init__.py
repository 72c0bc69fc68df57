"""Statistics: values and intervals of one arm, and inference from replicates."""
