"""The one way to the network for tools: public addresses only, within limits."""
