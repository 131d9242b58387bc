"""What README and CONTRIBUTING say is what is there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main

from helpdesk_api import cli
from helpdesk_api.config import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PREFIX = "HELPDESK_"
# Places of somebody's machine have no meaning for a reader.
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|Users|work|mnt)/")


def chapter(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def first_cells(text: str) -> list[list[str]]:
    """The code words in the first column of a chapter's tables."""
    return [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in text.splitlines() if line.startswith("| `")]


def test_every_setting_is_listed_once() -> None:
    listed = [names[0] for names in first_cells(chapter(README, "Settings"))]
    assert sorted(listed) == sorted(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize("name", [name for name, entry in Settings.model_fields.items() if entry.default is not None])
def test_the_listed_default_is_the_real_one(name: str) -> None:
    (line,) = [
        line for line in chapter(README, "Settings").splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}` ")
    ]
    shown = line.split("|")[2].strip()
    default = Settings.model_fields[name].get_default(call_default_factory=True, validated_data={})
    written = str(default).lower() if isinstance(default, bool) else default
    assert shown == ("none" if default == [] else f"`{written}`")


def test_every_named_setting_exists() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {"HELPDESK_PASSWORD"}
    texts = README + CONTRIBUTING + (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"HELPDESK_[A-Z_]*[A-Z]", texts)) <= known


def test_every_command_is_listed() -> None:
    group = typer.main.get_command(cli.app)
    found = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        nested = getattr(command, "commands", None)
        found |= {f"{name} {below}" for below in nested} if nested else {name}
    listed = {
        " ".join(word for word in text.split()[1:] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-"))
        for cell in first_cells(chapter(README, "The command line"))
        for text in cell
    }
    assert listed == found


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = [
        *project["project"]["dependencies"],
        *(name for extra in extras for name in extra),
        *project["dependency-groups"]["dev"],
    ]
    names = sorted(re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower() for requirement in wanted)  # type: ignore[index]
    listed = sorted(names[0] for names in first_cells(chapter(CONTRIBUTING, "Dependencies")))
    assert listed == names
    rows = [line.split("|") for line in chapter(CONTRIBUTING, "Dependencies").splitlines() if line.startswith("| `")]
    assert all(row[2].strip() for row in rows)


def test_every_named_file_exists() -> None:
    named = set(re.findall(r"`((?:src|tests|migrations|openapi|domains|tools)/[\w./<>*-]+)`", README + CONTRIBUTING))
    named |= set(re.findall(r"\]\(((?!http)[\w./-]+)\)", README + CONTRIBUTING))
    assert named
    for name in named:
        if "<" in name or "*" in name:
            continue
        below = ROOT / "src" / "helpdesk_api" if name.startswith("domains/") else ROOT
        assert (below / name).exists(), name


def test_every_named_target_of_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README + CONTRIBUTING, flags=re.MULTILINE))
    assert {"run", "test", "check"} <= named <= targets


def test_no_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if path.suffix in {".md", ".py", ".toml", ".yaml", ".yml"} and path.exists():
            found = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
            assert found is None or "test_documents" in name, f"{name}: {found}"


def test_decisions_are_dated() -> None:
    rows = [line for line in chapter(README, "Decisions").splitlines() if line.startswith("| 2")]
    assert len(rows) > 10
    assert all(re.match(r"\| 20\d\d-\d\d \| .{10,} \| .{10,} \|$", row) for row in rows)
