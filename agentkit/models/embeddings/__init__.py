"""What turns texts into vectors: models on this machine or behind a server, and what is put around them."""
