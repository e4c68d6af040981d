"""Studies: a grid of methods and a task, its headline and its conclusion."""
