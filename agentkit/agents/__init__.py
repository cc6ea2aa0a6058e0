"""The agent: a goal, a model, tools, and the loop between them."""
