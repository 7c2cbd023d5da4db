"""No package that the lock brings is AGPL; what is GPL runs on its own, and NOTICE names it."""

from importlib.metadata import Distribution, PathDistribution, distributions
from pathlib import Path

import pypandoc
import pytest
from packaging.utils import canonicalize_name

from rag_pipelines_tests.licences import Kind, kind_of
from rag_pipelines_tests.lock import pins

NOTICE = " ".join((Path(__file__).parents[1] / "NOTICE").read_text().split())
GPL = {"secantusdb": "a server that only tests start"}
"""GPL packages and why they may be there; whoever adds one says in NOTICE how it is used."""
READ = {"huey": "MIT, says its LICENSE"}
"""Packages whose metadata name no licence, and what a person has read."""


def locked() -> list[Distribution]:
    pinned = pins()
    return [found for found in distributions() if canonicalize_name(found.name) in pinned]


def of_kind(kind: Kind, packages: list[Distribution]) -> set[str]:
    return {canonicalize_name(found.name) for found in packages if kind_of(found) == kind}


def installed(folder: Path, *metadata: str) -> Distribution:
    """A package as pip leaves it, with these lines in its metadata."""
    place = folder / "fake-1.0.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.4", "Name: fake", "Version: 1.0", *metadata]
    (place / "METADATA").write_text("\n".join(lines) + "\n")
    return PathDistribution(place)


def test_most_of_the_lock_is_here_to_be_looked_at():
    assert len(locked()) > 0.9 * len(pins())


def test_nothing_is_agpl():
    assert of_kind("agpl", locked()) == set()


def test_what_is_gpl_is_known_and_the_notice_says_how_it_is_used():
    assert of_kind("gpl", locked()) == GPL.keys()
    for name, reason in GPL.items():
        assert f"{name} is {reason}" in NOTICE, "say so in NOTICE"


def test_a_package_that_names_no_licence_was_read():
    assert of_kind("unknown", locked()) == READ.keys()


def test_the_notice_names_pandoc_which_the_metadata_of_its_package_do_not():
    """`pypandoc_binary` is MIT; the program inside is not, and is only ever started."""
    assert Path(pypandoc.get_pandoc_path()).name.startswith("pandoc")
    assert "pypandoc_binary holds the program pandoc (GPL-2.0-or-later)" in NOTICE


GPL_TITLE = "        GNU GENERAL PUBLIC LICENSE\n        Version 3, 29 June 2007"
MENTIONED = (
    "The MIT License\n        Other than the AGPL and the GNU General Public License it asks"
)


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ("License-Expression: AGPL-3.0-or-later", "agpl"),
        ("License-Expression: MIT AND AGPL-3.0-only", "agpl"),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", "agpl"),
        ("License: Dual licensed: GNU AFFERO GPL 3.0 or commercial", "agpl"),
        ("License-Expression: GPL-2.0-only AND CC-BY-4.0", "gpl"),
        ("License-Expression: (MIT OR GPL-2.0-only) AND GPL-3.0-only", "gpl"),
        ("License-Expression: GPL-3.0-only WITH GCC-exception-3.1", "gpl"),
        ("Classifier: License :: OSI Approved :: GNU General Public License v2 (GPLv2)", "gpl"),
        (f"License: {GPL_TITLE}", "gpl"),
        ("License: GPLv3+", "gpl"),
        ("License-Expression: MPL-1.1 OR GPL-2.0-only OR LGPL-2.1-or-later", "other"),
        ("License-Expression: LGPL-3.0-only", "other"),
        ("Classifier: License :: OSI Approved :: GNU Lesser General Public License v3", "other"),
        ("License: GNU Library or Lesser General Public License (LGPL)", "other"),
        (f"License: {MENTIONED}", "other"),
        ("License: UNKNOWN", "unknown"),
        ("Classifier: Topic :: Software Development", "unknown"),
    ],
)
def test_a_licence_is_known_by_what_states_it(tmp_path: Path, metadata: str, kind: Kind):
    assert kind_of(installed(tmp_path, metadata)) == kind


def test_a_package_that_comes_to_the_lock_with_a_copyleft_licence_is_seen(tmp_path: Path):
    comes = installed(tmp_path, "License: AGPL-3.0")
    assert of_kind("agpl", [*locked(), comes]) == {"fake"}
