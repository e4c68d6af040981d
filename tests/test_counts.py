from triptych.counts import counted


def test_one_is_singular_and_thousands_have_commas() -> None:
    assert counted(1, "window") == "1 window"
    assert (counted(0, "window"), counted(2000, "window")) == ("0 windows", "2,000 windows")
