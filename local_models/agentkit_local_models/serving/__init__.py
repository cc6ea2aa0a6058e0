"""A loaded model behind OpenAI's protocol over HTTP."""
