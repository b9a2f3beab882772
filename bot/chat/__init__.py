"""The conversation: questions, answers, buttons, texts."""
