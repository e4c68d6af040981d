"""A model: preprocessing, encoder, schema, heads and decoder, saved and loaded as one thing."""

from triptych.model.fingerprint import fingerprint_of
from triptych.model.model import Latents, Model, Prediction
from triptych.model.preprocessing import Preprocessing

__all__ = ["Latents", "Model", "Prediction", "Preprocessing", "fingerprint_of"]
