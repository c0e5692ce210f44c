"""Claims about training, each shown by one command: many trainings, a table, a picture and a sentence."""
