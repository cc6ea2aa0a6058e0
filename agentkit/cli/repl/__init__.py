"""`agentkit` without a command: a conversation at the terminal."""
