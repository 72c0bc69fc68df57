"""Where steps run: progress, the context a step gets, and the local engine."""
