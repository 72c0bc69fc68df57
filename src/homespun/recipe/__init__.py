"""What a run is to do: the recipe, its file, its checks and its schema."""
