"""The tables of [[augment]]."""
