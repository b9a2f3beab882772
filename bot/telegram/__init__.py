"""The way to Telegram: requests and polling."""
