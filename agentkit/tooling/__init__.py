"""The command protocol: tools, policy, sandbox, and the one place where calls are dispatched."""
