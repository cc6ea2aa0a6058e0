"""Chat models: remote, local, and scripted, behind one protocol."""
