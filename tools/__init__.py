"""What only maintainers run: rendering the starter, distilling the encoder, learning the filter."""
