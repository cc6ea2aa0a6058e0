"""The built-in commands, found by entry point like anybody else's."""
