"""The page of a judgement: which images are wrong, and how sure each number is."""
