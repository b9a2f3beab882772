"""Rules for what is left out: adverts, duplicates, scraps; and what hides people's names."""
