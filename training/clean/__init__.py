"""What of a corpus is worth learning from: adverts, duplicates, scraps and broken photos go."""
