"""Search for the most similar latents: in memory or in a folder, exactly or nearly so."""

from triptych.index.exact import Matches, nearest
from triptych.index.gallery import Index

__all__ = ["Index", "Matches", "nearest"]
