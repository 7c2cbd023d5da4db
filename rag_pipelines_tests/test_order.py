"""The dear files of tests come first, and the folders that are called dear are there."""

from pathlib import Path

import pytest

from rag_pipelines_tests.order import DEAREST, ROOT, dearest_first


class File(pytest.Item):
    def runtest(self) -> None:
        """Nothing is run here."""


def test_dear_folders_come_first_and_files_keep_their_order(request: pytest.FixtureRequest):
    names = ["chat/test_a.py", "storage/test_b.py", "end_to_end/test_d.py", "end_to_end/test_c.py"]
    items = [
        File.from_parent(request.session, name=name, path=ROOT / name)
        for name in [*names, "test_e.py"]
    ]
    dearest_first(items)
    sorted_names = [names[2], names[3], names[0], names[1], "test_e.py"]
    assert [item.name for item in items] == sorted_names


@pytest.mark.parametrize("folder", DEAREST)
def test_a_dear_folder_holds_tests(folder: str):
    assert list(Path(ROOT, folder).glob("test_*.py"))
