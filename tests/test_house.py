"""The house of the design: which file may import which, and how long files and rooms may be."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from triptych import lazy, transforms
from triptych.transforms import Chain

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src"
LIBRARY, STUDIES = "triptych", "triptych_studies"

# Imports run downwards only, never sideways between the rooms of one floor. Eight floors; the
# studies and ``python -m triptych`` stand on the roof, and `errors` is the ground below: whoever
# refuses something raises InputError.
FLOORS = {
    7: {"cli", "explorer"},
    6: {"estimators"},
    5: {"training"},
    4: {"audit"},
    3: {"metrics", "objectives"},
    2: {"model", "transforms", "datasets", "index"},
    1: {"networks", "latent", "signals"},
    0: {"counts", "files", "lazy", "missing", "precision", "registry", "version"},
}
ROOF, GROUND = {"__main__", STUDIES}, {"errors"}
FLOOR_OF = {
    room: floor for floor, rooms in {**FLOORS, 8: ROOF, -1: GROUND}.items() for room in rooms
}
FACE = "__init__"  # triptych/__init__.py reaches every room; no room reaches it

# Slow to load or not always installed, so imported inside the functions that use them; the
# exceptions are rooms whose classes inherit from the library's.
LAZY = {
    "lightning",
    "pytorch_lightning",
    "matplotlib",
    "wfdb",
    "pandas",
    "jinja2",
    "joblib",
    "narwhals",
    "sklearn",
    "scipy.signal",
    "roma",
    "faiss",
    "openTSNE",
    "plotly",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pyarrow",
    "pytorch_metric_learning",
}
EAGER_ROOMS = {"lightning": {"training", STUDIES}, "sklearn": {"estimators"}}

LINES_PER_FILE = 300
SLACK = 100  # lines that a room may be under its budget before the budget is lowered

# Lines per room. They only go down, or up for a capability that CHANGELOG names.
BUDGETS = {
    "__init__": 36,
    "__main__": 6,
    "audit": 6182,
    "cli": 1553,
    "counts": 6,
    "datasets": 8814,
    "errors": 10,
    "estimators": 880,
    "files": 107,
    "index": 1061,
    "latent": 1299,
    "lazy": 39,
    "metrics": 3701,
    "missing": 74,
    "model": 1933,
    "networks": 3264,
    "objectives": 3857,
    "precision": 88,
    "registry": 125,
    "signals": 565,
    "training": 3567,
    "transforms": 2505,
    "triptych_studies": 12416,
    "version": 8,
}

# Names that the studies import from the library though they are not public. To become 0.
PRIVATE = 0

# Files that import each other in a circle, wherever the import stands.
CIRCLES: set[frozenset[str]] = set()


@dataclass(frozen=True)
class Import:
    target: str  # dotted name, with the imported name at its end
    line: int
    lazy: bool  # inside a function
    typing: bool  # under `if TYPE_CHECKING`


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Dotted name of the module that `node` imports from; `module` resolves relative ones."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def imports(source: str, module: str, is_package: bool = False) -> list[Import]:
    """Every import statement of a module, wherever it stands."""

    def walk(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, lazy, typing)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module, is_package)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, lazy, typing)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inverted = isinstance(node.test, ast.UnaryOp)
            for child in node.body:
                yield from walk(child, lazy, typing or not inverted)
            for child in node.orelse:
                yield from walk(child, lazy, typing or inverted)
        else:
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from walk(child, inside, typing)

    return list(walk(ast.parse(source), lazy=False, typing=False))


def room_of(module: str) -> str:
    """Room of a dotted name: ``triptych.latent.heads`` is in ``latent``; the studies are one."""
    return STUDIES if is_in(module, STUDIES) else [*module.split("."), FACE][1]


def is_in(target: str, library: str) -> bool:
    return target == library or target.startswith(library + ".")


def faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """What the imports of one module break; empty if it keeps the rules of the house."""
    room = FACE if module == "triptych" else room_of(module)
    found: list[str] = []
    for item in imports(source, module, is_package):
        where = f"{module}:{item.line} imports {item.target}"
        if is_in(item.target, LIBRARY) or is_in(item.target, STUDIES):
            other = room_of(item.target)
            if other in (room, "__version__") or (room == FACE and other != STUDIES):
                continue
            if room == STUDIES and item.target.count(".") <= 1:  # as everybody uses the library
                continue
            if other not in FLOOR_OF:
                found.append(f"{where}: from the public face, or a room without a floor")
            elif FLOOR_OF[other] == (floor := FLOOR_OF.get(room, 7)):
                found.append(f"{where}: sideways on floor {floor}")
            elif FLOOR_OF[other] > floor:
                found.append(f"{where}: upwards from floor {floor} to {FLOOR_OF[other]}")
            continue
        library = next((name for name in LAZY if is_in(item.target, name)), None)
        if library is None:
            continue
        if library in ("lightning", "pytorch_lightning") and room not in ("training", STUDIES):
            found.append(f"{where}: only training/ may")
        elif not (item.lazy or item.typing) and room not in EAGER_ROOMS.get(library, set()):
            found.append(f"{where}: not inside a function")
    return found


def modules() -> list[Path]:
    return sorted(p for package in (LIBRARY, STUDIES) for p in (SOURCE / package).rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(dotted(path)) for path in modules()} - {FACE}
    assert rooms <= set(FLOOR_OF), f"give {rooms - set(FLOOR_OF)} a floor in the design and here"


def test_there_are_eight_floors() -> None:
    assert len(FLOORS) <= 8


def test_imports_keep_the_floors() -> None:
    broken = [
        fault
        for path in modules()
        for fault in faults(
            path.read_text(encoding="utf-8"), dotted(path), is_package=path.name == "__init__.py"
        )
    ]
    assert not broken, "\n".join(broken)


def test_no_file_is_too_long() -> None:
    long = {dotted(path): lines(path) for path in modules() if lines(path) > LINES_PER_FILE}
    assert not long, f"over {LINES_PER_FILE} lines, so split by concept: {long}"


def test_rooms_keep_their_budgets() -> None:
    used: Counter[str] = Counter()
    for path in modules():
        used[room_of(dotted(path)) if dotted(path) != "triptych" else FACE] += lines(path)
    over = {room: n for room, n in used.items() if n > BUDGETS.get(room, 0)}
    assert not over, f"over budget: {over}; take lines out, or name in CHANGELOG what they buy"
    under = {room: n for room, n in used.items() if n < BUDGETS[room] - SLACK}
    assert not under, f"lower these budgets to what is used now: {under}"
    assert set(BUDGETS) == set(used)


def import_graph() -> dict[str, set[str]]:
    """Every file's dotted name and those of the files it imports, lazily or for types, too."""
    files = {dotted(path): path for path in modules()}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        found: set[str] = set()
        for item in imports(path.read_text("utf-8"), name, path.name == "__init__.py"):
            # The longest name that is a file: of "triptych.latent.heads.BlockHeads" the module.
            parts = item.target.split(".")
            target = next(
                (t for k in range(len(parts), 0, -1) if (t := ".".join(parts[:k])) in files), None
            )
            if target is not None and target != name:
                found.add(target)
        graph[name] = found
    return graph


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of files of which each reaches the others."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in graph[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    reach = {name: reached(name) for name in graph}
    return {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in graph
        if name in reach[name]
    }


def test_no_files_import_each_other_in_a_circle() -> None:
    found = circles(import_graph())
    assert found == CIRCLES, [sorted(each) for each in found ^ CIRCLES]


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == {frozenset("abc")}
    assert circles({"a": {"b"}, "b": set()}) == set()


def public_names() -> list[str]:
    """Every name in some ``__all__``, behind the dotted name of its package or module."""
    found: list[str] = []
    for path in modules():
        source = path.read_text(encoding="utf-8")
        if "attach(__name__)" in source:
            found += [f"{dotted(path)}.{name}" for name in lazy.homes(source)]
        for node in ast.walk(ast.parse(source)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AugAssign) else targets
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                names = {
                    each.value
                    for each in ast.walk(node)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
                found += [f"{dotted(path)}.{name}" for name in names]
    return sorted(found)


def test_public_names_are_those_that_were_agreed() -> None:
    """A name that goes breaks users: change the list on purpose, and name it in CHANGELOG."""
    agreed = (REPOSITORY / "tests" / "public_names.txt").read_text(encoding="utf-8").split()
    assert public_names() == agreed


def private_imports() -> set[str]:
    """Library names that the studies import though they stand in no ``__all__``."""
    public = set(public_names())
    used: set[str] = set()
    for path in modules():
        if room_of(dotted(path)) == STUDIES:
            package = path.name == "__init__.py"
            used |= {i.target for i in imports(path.read_text("utf-8"), dotted(path), package)}
    rooms = {f"{LIBRARY}.{room}" for room in FLOOR_OF} | {LIBRARY, f"{LIBRARY}.__version__"}
    return {name for name in used if is_in(name, LIBRARY)} - public - rooms


def test_studies_use_public_names() -> None:
    private = private_imports()
    assert len(private) <= PRIVATE, "\n".join(sorted(private))
    assert len(private) == PRIVATE, f"lower PRIVATE to {len(private)}"


@pytest.mark.parametrize(
    ("module", "statement", "fault"),
    [
        ("triptych.latent.heads", "from triptych.objectives import terms", "upwards"),
        ("triptych.latent.heads", "from triptych.networks.encoder import ConvEncoder", "sideways"),
        ("triptych.transforms.base", "def f():\n from triptych import datasets", "sideways"),
        ("triptych.transforms.base", "from ..datasets import base", "sideways"),
        ("triptych.signals", "from .latent import schema", "sideways"),
        ("triptych.index", "if TYPE_CHECKING:\n import triptych.model.model", "sideways"),
        ("triptych.audit.report", "if TYPE_CHECKING:\n from triptych_studies import x", "upwards"),
        ("triptych.cli.show", "def f():\n from triptych_studies import x", "upwards"),
        ("triptych", "from triptych_studies import x", "upwards"),
        ("triptych.audit.report", "from triptych import Model", "public face"),
        ("triptych.audit.run", "def f():\n import lightning as L", "only training"),
        ("triptych.audit.run", "if TYPE_CHECKING:\n import lightning", "only training"),
        ("triptych.signals", "from scipy import signal", "not inside a function"),
        ("triptych.audit.plots", "import matplotlib.pyplot as plt", "not inside a function"),
        ("triptych.audit.plots", "class A:\n import pandas", "not inside a function"),
        ("triptych.audit.plots", "if not TYPE_CHECKING:\n import pandas", "not inside a function"),
        ("triptych.training.fit", "import pandas", "not inside a function"),
    ],
)
def test_a_broken_rule_is_found(module: str, statement: str, fault: str) -> None:
    found = faults(statement, module)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("triptych", "if TYPE_CHECKING:\n from triptych.model import Model"),
        ("triptych.cli", "from triptych.audit.run import audit"),
        ("triptych.latent.heads", "from triptych.latent.schema import LatentSchema"),
        ("triptych.latent.heads", "from .schema import LatentSchema"),
        ("triptych_studies.runner", "from triptych import Model, __version__"),
        ("triptych.training.module", "import lightning as L"),
        ("triptych.estimators", "from sklearn.base import BaseEstimator"),
        ("triptych.signals", "def f():\n from scipy import signal"),
        ("triptych.audit.plots", "if TYPE_CHECKING:\n from matplotlib.axes import Axes"),
        ("triptych.signals", "import scipy.sparse, numpy"),
    ],
)
def test_what_is_allowed_is_let_through(module: str, statement: str) -> None:
    assert faults(statement, module) == []


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Name and content of the text files that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in sorted(filter(None, run.stdout.split("\0"))):
        try:
            yield name, (REPOSITORY / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # deleted but not yet committed, or not a text
            continue


def test_no_file_names_a_path_of_one_machine() -> None:
    # Written apart, so that this file keeps the rule too.
    path = re.compile(r"(?<![\w.~-])/(?:" + "|".join(["work", "root", "tmp", "home"]) + r")/")
    named = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if path.search(line)
    ]
    assert not named, "\n".join(named)


def transform_checks(source: str) -> list[str]:
    """Where code asks which transform it has, by its class, its unit or its name."""
    classes = {"Chain", *(type(transforms.transform(name)).__name__ for name in transforms.names())}
    known = {*transforms.names(), Chain.name}
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            words = set(re.findall(r"\w+", ast.unparse(node.args[1])))
            wrong = bool(words & (classes | {"Seeded", "Additive"}))
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = [ast.unparse(each) for each in sides]
            told = {each.value for side in sides for each in ast.walk(side)
                    if isinstance(each, ast.Constant)}  # fmt: skip
            named = any(re.search(r"(\.name|\['name'\])$", text) for text in texts)
            wrong = any(text.endswith(".unit") for text in texts) or (named and bool(told & known))
        elif isinstance(node, ast.MatchClass):
            wrong = ast.unparse(node.cls).split(".")[-1] in classes
        else:
            continue
        if wrong:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def test_only_transforms_know_transforms() -> None:
    """What callers need to know of a transform is one of its methods, so a new one is one file."""
    asked = {
        dotted(path): found
        for path in modules()
        if room_of(dotted(path)) != "transforms"
        and (found := transform_checks(path.read_text(encoding="utf-8")))
    }
    assert not asked, "make it a method of the transforms, with a default in `Transform`"


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(x, (int, transforms.Gain))",
        "isinstance(x, PhaseShift | Chain)",
        "x.unit == 's'",
        "result.transform['name'] == 'time_scale'",
        "t.name in ('gain', 'rotation')",
        "match x:\n case Rotation(kind='so3'): pass",
    ],
)
def test_a_check_on_a_transform_is_found(source: str) -> None:
    assert transform_checks(source)
    assert not transform_checks("isinstance(x, str) and block.name == 'class' and x.unit")


# Names of two classes that mean the same: the companion of an exported model knows no other file.
SAME = {"Stream"}


def test_a_class_name_means_one_thing() -> None:
    where: dict[str, set[str]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where.setdefault(node.name, set()).add(dotted(path))
    twice = {name: places for name, places in where.items() if len(places) > 1}
    assert set(twice) <= SAME, f"one of each pair wants another name: {twice}"
