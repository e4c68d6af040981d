"""Tables: CSV, TSV, Parquet and Feather files, packed or not; a row is a sample, or a window."""

from __future__ import annotations

import importlib
import io
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from triptych.datasets.readers import words
from triptych.datasets.readers.columns import EMPTY, without_words
from triptych.datasets.readers.frame import stretches
from triptych.datasets.readers.stretch import Findings, ReadOptions, Stretch
from triptych.datasets.readers.text import Form, content, form_of
from triptych.errors import InputError

TEXT = (".csv", ".tsv", ".txt")
COLUMNAR = (".parquet", ".feather")


def read(path: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """Read one table; see `frame.stretches`."""
    kind = kind_of(path)
    if kind in COLUMNAR:
        return stretches(_columnar(path, kind), str(path), options, findings)
    data, encoding = content(path, findings)
    form = form_of(path, data, encoding, findings, options.titles)
    frame = _text(path, data, form, options)
    if len(set(form.titles)) == len(form.titles):
        frame = without_words(frame, str(path), findings)
    found = stretches(frame, str(path), options, findings, units=form.units, rate=form.rate)
    return [replace(each, start=each.start + form.start) for each in found]


def kind_of(path: Path) -> str:
    """Extension of what is inside: of ``a.csv.gz`` it is ``.csv``."""
    packed = path.suffix.lower() in (".gz", ".bz2", ".xz", ".zst")
    return Path(path.stem).suffix.lower() if packed else path.suffix.lower()


def _text(path: Path, data: bytes, form: Form, options: ReadOptions) -> Any:
    """The rows: numbers where a column holds only these, else the text as it stands.

    Labels, subjects and attributes are always text: subject 007 is not 7.
    """
    asked = {options.label_column, options.subject_column, *options.attributes}
    text = {
        title
        for title in form.titles
        if title in asked or words.title(title)[0] in (*words.LABEL, *words.SUBJECT)
    } - set(options.channels)
    unique = len(set(form.titles)) == len(form.titles)
    empty = [each for word in EMPTY for each in (word, word.upper(), word.title(), "NaN", "NaT")]
    pandas: Any = importlib.import_module("pandas")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = pandas.read_csv(
                io.BytesIO(data),
                sep=form.delimiter,
                decimal=form.decimal,
                encoding=form.encoding,
                encoding_errors="replace",
                header=None,
                names=list(form.titles) if unique else None,
                skiprows=form.skipped,
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values={each: empty for each in form.titles if each not in text},
                comment=None,
                low_memory=False,
                dtype=dict.fromkeys(text, str) if unique else str,
                on_bad_lines="error",
            ).set_axis(list(form.titles), axis=1)
        words_only = [
            place
            for place, kind in enumerate(frame.dtypes)
            if kind.kind == "b" or (kind.kind == "f" and frame.iloc[:, place].isna().all())
        ]
        return frame.astype({frame.columns[place]: str for place in words_only})
    except Exception as error:  # pandas meets damaged files with many exceptions
        lines = str(error).strip().splitlines() or ["no details"]
        raise InputError(
            f"{path} cannot be read as a table ({lines[0][:120]}); expected one row per sample, "
            f"with {len(form.titles)} values as there are titles"
        ) from error


def _columnar(path: Path, kind: str) -> Any:
    pandas: Any = importlib.import_module("pandas")
    try:
        read = pandas.read_parquet if kind == ".parquet" else pandas.read_feather
        return read(path)
    except ImportError as error:
        raise InputError(
            f"{path} needs pyarrow; install it with `pip install 'triptych[tables]'`"
        ) from error
    except Exception as error:  # pyarrow meets damaged files with many exceptions
        lines = str(error).strip().splitlines() or ["no details"]
        raise InputError(f"{path} is damaged or no {kind} file ({lines[0][:120]})") from error
