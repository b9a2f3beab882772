"""From a folder of posts to a model: read, describe, train, index, evaluate. A command line."""
