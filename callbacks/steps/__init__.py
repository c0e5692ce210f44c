"""What an optimizer does, seen within compiled executions of any number of steps."""
