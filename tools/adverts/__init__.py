"""Learning the advert filter that ships."""
