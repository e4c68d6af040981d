"""The report: one file that needs nothing else, and escapes what it is given."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from triptych.audit.report import Code, Picture, Points, Section, Terms, Text, write_report
from triptych.audit.tables import Table, Value, number, spanned
from triptych.errors import InputError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
VOID = {"meta", "img", "br", "hr", "link", "input"}
EVIL = "<script>alert('x')</script> & \"quoted\" 'too'"


class Page(HTMLParser):
    """Holds every tag with its attributes and checks that they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    (tmp_path / "a.png").write_bytes(PIXEL)
    table = Table(
        ("method", "cosine ↑"),
        ((Value("plain"), Value("0.2")), (Value("scl"), Value("0.9", "[0.8, 1.0]", strong=True))),
        caption=EVIL,
        note=EVIL,
    )
    sections = [
        Section("", (Text(EVIL, lead=True),)),
        Section("Results", (table, Points((EVIL, "b")))),
        Section("Figures", (Picture(tmp_path / "a.png", EVIL, EVIL),)),
        Section(EVIL, (Terms({"cosine": EVIL, EVIL: "x"}), Code(EVIL), Text(EVIL))),
    ]
    path = write_report(tmp_path / "deep" / "report.html", EVIL, sections)
    return Page(path.read_text(encoding="utf-8"))


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert not re.match(r"(?i)\s*(https?:|//|file:|javascript:)", value)
            if name in {"src", "href"}:
                assert value.startswith(("data:image/png;base64,", "#"))
    assert not re.search(r"url\(|@import|https?://", "".join(page.text).replace(EVIL, ""))
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy["content"]


def test_everything_is_escaped(page: Page) -> None:
    assert "".join(page.text).count(EVIL) >= 10  # title, heading, contents, lead, list, ...
    assert [a["alt"] for a in page.all("img")] == [EVIL]


def test_it_can_be_read_without_seeing(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert all(image["alt"] for image in page.all("img"))
    assert {cell["scope"] for cell in page.all("th")} == {"col", "row"}
    assert len(page.all("h1")) == 1
    targets = {a["href"][1:] for a in page.all("a")}
    assert targets <= {section["id"] for section in page.all("section")}
    assert len(targets) == 3  # the section without a title is not in the contents


def test_strong_values_are_strong(page: Page) -> None:
    assert len(page.all("strong")) == 1
    assert "[0.8, 1.0]" in page.text


def test_light_and_dark(page: Page) -> None:
    assert "prefers-color-scheme: dark" in "".join(page.text)


def test_a_missing_figure_is_named(tmp_path: Path) -> None:
    section = Section("Figures", (Picture(tmp_path / "gone.png", "a", "b"),))
    with pytest.raises(InputError, match=r"gone\.png"):
        write_report(tmp_path / "report.html", "Title", [section])
    assert not (tmp_path / "report.html").exists()


def test_a_table_as_markdown() -> None:
    table = Table(
        ("method", "beat_f1 ↑"),
        ((Value("_scl|x"), Value("0.9", "[0.8, 1.0]", strong=True)), (Value("b"), Value("–"))),
        note="<n>",
    )
    assert table.to_markdown().splitlines() == [
        "| method | beat_f1 ↑ |",
        "| --- | ---: |",
        "| \\_scl\\|x | **0.9** [0.8, 1.0] |",
        "| b | – |",
        "",
        "\\<n\\>",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.98765, "0.988"),
        (-0.0123, "−0.012"),
        (-0.0001, "0.000"),
        (12.345, "12.3"),
        (12345.6, "12346"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_figure_carries_its_interval_in_a_sentence() -> None:
    figure = {"mean": 0.914, "low": 0.881, "high": 0.943}
    assert spanned(figure) == "0.91 [0.88, 0.94]"
    assert spanned(figure, 0, 100) == "91 [88, 94]"
    assert spanned({"mean": 0.5, "low": None, "high": None}) == "0.50"
