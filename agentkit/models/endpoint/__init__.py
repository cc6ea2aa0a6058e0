"""What an OpenAI-compatible server and one of its models can do, found by asking them."""
