"""The local inference engine: usable without the framework."""
