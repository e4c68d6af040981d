from __future__ import annotations

import pickle

import pytest

from triptych.errors import InputError


def test_is_a_value_error_whose_text_is_the_sentence() -> None:
    with pytest.raises(ValueError, match=r"^record 100 holds no channel MLII$") as caught:
        raise InputError("record 100 holds no channel MLII")
    assert type(caught.value) is InputError


def test_survives_the_way_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(InputError("rate is unknown")))
    assert isinstance(error, InputError)
    assert str(error) == "rate is unknown"
