"""Values, protocols and errors that every layer shares, and the steps they can flow through.

Nothing here opens or owns anything, but for the thread in which `runnable` serves code that is not
asynchronous.
"""
