"""A model: preprocessing, encoder, schema, heads and decoder, saved and loaded as one thing."""

from triptych.model import hub
from triptych.model.fingerprint import fingerprint_of
from triptych.model.graph import load_graph
from triptych.model.model import Model
from triptych.model.outputs import Latents, Prediction
from triptych.signals.preprocessing import Preprocessing

__all__ = ["Latents", "Model", "Prediction", "Preprocessing", "fingerprint_of", "hub", "load_graph"]
