"""The Telegram bot: asks the engine and renders its answers. Async; no numpy, no models."""
