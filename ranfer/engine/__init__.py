"""What runs around a model: checkpoints and hooks."""
