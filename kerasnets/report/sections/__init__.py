"""The parts of the page, a module each: from records to words, pictures and tables."""
