"""One model computed by several processes, each with a share of its weights."""
