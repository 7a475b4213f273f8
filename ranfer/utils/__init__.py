"""Small helpers without a model or data set in them."""
