"""Studies: a grid of methods and a task, its headline and what a reader takes home."""
