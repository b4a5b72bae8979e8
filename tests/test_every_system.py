"""Linux, macOS and Windows: no file of ours calls what only one of them has, or leaves an encoding to the system."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PRODUCT = ("radiography", "calibration", "phantoms")
POSIX_MODULES = {"curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
POSIX_CALLS = {
    *("os.chown", "os.fork", "os.geteuid", "os.getgid", "os.getpgid", "os.getuid", "os.kill", "os.killpg", "os.mkfifo"),
    *("os.sched_getaffinity", "os.statvfs", "os.sync", "os.uname", "signal.SIGALRM", "signal.SIGKILL", "signal.alarm"),
}
NOT_OVER_A_FILE = {"os.rename"}  # Windows refuses where the name is taken: os.replace
ONE_SYSTEM = ("/dev/", "/proc/", "/tmp/", "/sys/")


def _files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def _nodes(text: str) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it stands behind a question for the system."""

    def walk(node: ast.AST, guarded: bool) -> Iterator[tuple[ast.AST, bool]]:
        body = getattr(node, "body", None)
        asked = isinstance(body, list) and any(
            isinstance(each, ast.If) and "sys.platform" in ast.unparse(each.test) for each in body
        )
        guarded |= asked or (isinstance(node, ast.If) and "sys.platform" in ast.unparse(node.test))
        yield node, guarded
        for child in ast.iter_child_nodes(node):
            yield from walk(child, guarded and not isinstance(node, ast.Module))

    yield from walk(ast.parse(text), False)


def only_on_one_system(text: str) -> list[str]:
    """What a file does that another system does not know, with its line."""
    found = []
    for node, guarded in _nodes(text):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names} & POSIX_MODULES
        elif isinstance(node, ast.ImportFrom):
            names = {str(node.module)} & POSIX_MODULES
        elif isinstance(node, ast.Attribute):
            names = {ast.unparse(node)} & (POSIX_CALLS | NOT_OVER_A_FILE)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = {node.value} if node.value.startswith(ONE_SYSTEM) else set()
        else:
            continue
        if names and (not guarded or names & NOT_OVER_A_FILE):
            found.append(f"line {getattr(node, 'lineno', 0)}: {', '.join(sorted(names))}")
    return found


def left_to_the_system(text: str) -> list[str]:
    """Text files that are opened without an encoding, or written without saying what ends a line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name, owner = "", ""
        if isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
        elif isinstance(node.func, ast.Name):
            name = node.func.id
        given = {keyword.arg for keyword in node.keywords}
        modes = [
            each.value
            for each in (*node.args, *(k.value for k in node.keywords if k.arg == "mode"))
            if isinstance(each, ast.Constant)
        ]
        binary = any(isinstance(mode, str) and "b" in mode and set(mode) <= set("rwaxb+") for mode in modes)
        opens = name == "open" and not binary and owner not in ("os", "Image", "tifffile", "webbrowser")
        if (opens or name in ("read_text", "write_text")) and "encoding" not in given:
            found.append(f"line {node.lineno}: encoding of {name}")
        if name == "write_text" and "newline" not in given and "/proc/" not in owner:
            found.append(f"line {node.lineno}: newline of {name}")
    return found


def test_nothing_is_called_that_only_one_system_has() -> None:
    for path in _files(*PRODUCT):
        assert not only_on_one_system(path.read_text(encoding="utf-8")), path


def test_text_files_say_their_encoding() -> None:
    for path in _files(*PRODUCT, "benchmarks", "docs"):
        assert not left_to_the_system(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import fcntl", 1),
        ("def f():\n    from resource import getrlimit", 1),
        ("def f():\n    if sys.platform == 'win32':\n        return\n    os.kill(1, 0)", 0),
        ("def f():\n    if sys.platform != 'win32':\n        import fcntl", 0),
        ("def f():\n    os.kill(1, 0)", 1),
        ("os.rename('a', 'b')", 1),
        ("os.replace('a', 'b')", 0),
        ("Path('/dev/null')", 1),
    ],
)
def test_the_rule_of_systems_knows_right_from_wrong(text: str, count: int) -> None:
    assert len(only_on_one_system(text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("path.read_text()", 1),
        ("open('x')", 1),
        ("path.open('w', newline='')", 1),
        ("path.open('rb')", 0),
        ("open('x', mode='wb')", 0),
        ("path.open(encoding='utf-8')", 0),
        ("path.write_text('x', encoding='utf-8')", 1),
        ("path.write_text('x', encoding='utf-8', newline='\\n')", 0),
        ("os.open('x', os.O_RDWR)", 0),
    ],
)
def test_the_rule_of_encodings_knows_right_from_wrong(text: str, count: int) -> None:
    assert len(left_to_the_system(text)) == count
