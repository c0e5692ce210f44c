"""Study "tuning": how good the rates are that searches choose, and what the searches cost."""
