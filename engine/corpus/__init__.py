"""What people have, read in one way: corpora, exports and folders of photos."""
