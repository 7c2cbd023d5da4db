"""Row L7, short: conversations that are written side by side. The full row is a benchmark's."""

from pathlib import Path

import pytest

from benchmarks.history import kept

pytestmark = pytest.mark.anyio


async def test_conversations_written_side_by_side_keep_their_order_and_grow_by_their_size(
    history_url: str, tmp_path: Path
):
    found = await kept(history_url, tmp_path, 40 if history_url.startswith("sqlite") else 4)
    assert found["disordered"] == 0
    if history_url.startswith("sqlite"):
        assert found["disk_growth"] == pytest.approx(1.0, abs=0.2)
