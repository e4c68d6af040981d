"""Tasks: data, split, nuisance and probes, with which any method is trained and measured."""
