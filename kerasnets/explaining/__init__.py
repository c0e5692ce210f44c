"""Where networks look: heat maps over images."""
