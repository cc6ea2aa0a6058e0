"""Questions that an HTTP API answers, by its own OpenAPI description."""
