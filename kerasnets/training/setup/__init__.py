"""From a recipe to what training needs: inputs, model, first weights."""
