"""Episodes that happened: tasks in real folders, done by a policy through the real loop.

A family makes tasks; a policy does a task with the real tools; `record` runs both through agentkit's
own loop and keeps the conversation. Nothing here is in the wheel.
"""
