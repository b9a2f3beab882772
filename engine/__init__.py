"""From a photo or a text to a topic vector, and from it to posts, words and reasons.

The engine is synchronous, knows nothing of Telegram and opens no connection.
"""
