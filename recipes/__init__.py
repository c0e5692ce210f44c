"""The recipes that ship with kerasnets: one TOML file an experiment."""
