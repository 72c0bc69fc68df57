"""Models behind one protocol: in process, embedded, scripted."""
