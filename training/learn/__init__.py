"""From posts to a model: features, BigARTM, the two maps."""
