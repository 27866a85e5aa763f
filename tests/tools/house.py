"""Counts the house: lines, files, import cycles, names that occur twice. `python -m tests.tools.house` prints it.

An import counts wherever it stands: inside a function and under `TYPE_CHECKING`, too.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "bftui"

SHORT, LONG = 60, 500
"""Lines of a file that needs a reason, and of one that is too long."""


@dataclass(frozen=True)
class Module:
    """One file of the package.

    Attributes:
        name: dotted, as it is imported.
        imports: names of the package's modules that it imports.
        classes: its public classes.
    """

    name: str
    path: Path
    lines: int
    imports: frozenset[str]
    classes: tuple[str, ...]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


def modules(package: Path = PACKAGE) -> dict[str, Module]:
    """Reads every file of a package; nothing of it is run."""
    paths = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    found = {}
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        imports = {each for each in _imported(tree, paths) if each != name}
        classes = tuple(
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        )
        found[name] = Module(name, path, text.count("\n"), frozenset(imports), classes)
    return found


def cycles(found: Mapping[str, Module]) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others (Tarjan), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups = []
    for start in found:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(found[start].imports)))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            name, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    group, stack[at:] = stack[at:], []
                    if len(group) > 1:
                        groups.append(sorted(group))
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                work.append((following, iter(sorted(found[following].imports))))
            elif following in stack:
                low[name] = min(low[name], index[following])
    return groups


def doubled_classes(found: Mapping[str, Module]) -> dict[str, list[str]]:
    """Public classes of one name in more than one module, with those modules."""
    where = defaultdict(list)
    for module in found.values():
        for name in module.classes:
            where[name].append(module.name)
    return {name: places for name, places in where.items() if len(places) > 1}


def doubled_stems(found: Mapping[str, Module]) -> dict[str, list[str]]:
    """Files of one name in more than one folder."""
    where = defaultdict(list)
    for module in found.values():
        if not module.is_package:
            where[module.stem].append(module.name)
    return {stem: places for stem, places in where.items() if len(places) > 1}


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.AST, known: Collection[str]) -> Iterator[str]:
    """The known modules that are imported; of `from package import module` the module. No import is relative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in known else node.module


def main() -> None:
    """Prints the counts; `-v` names the cycles and whatever occurs twice."""
    found = modules()
    files = [module for module in found.values() if not module.is_package]
    importers = Counter(each for module in found.values() for each in module.imports)
    folders = Counter(module.path.parent for module in files)
    fullest, most = folders.most_common(1)[0]
    circles, classes, stems = cycles(found), doubled_classes(found), doubled_stems(found)
    for what, number in (
        ("lines", sum(module.lines for module in found.values())),
        ("files", len(files)),
        (f"files over {LONG} lines", sum(module.lines > LONG for module in files)),
        (f"files under {SHORT} lines", sum(module.lines < SHORT for module in files)),
        ("files with one importer or none", sum(importers[m.name] <= 1 for m in files)),
        (f"files in the fullest folder, {fullest.relative_to(PACKAGE.parent)}", most),
        ("import cycles", len(circles)),
        ("public class names that occur twice", len(classes)),
        ("file names that occur twice", len(stems)),
    ):
        print(f"{number:>7,}  {what}")
    if "-v" in sys.argv[1:]:
        for group in circles:
            print("cycle:", *group)
        for name, places in sorted({**classes, **stems}.items()):
            print(f"{name}:", *places)


if __name__ == "__main__":
    main()
