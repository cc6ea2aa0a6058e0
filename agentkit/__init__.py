"""The agent framework: prompts, models, tools, and the loop that drives them."""
