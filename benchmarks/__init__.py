"""Speed of ImageFaulty against the decode floor and the reference pipeline. Run with ``make bench``."""
