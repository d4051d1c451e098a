"""Starting Warp where it cannot keep compiled kernels."""

import pytest
import warp as wp

from synthgen.core.errors import SynthgenError
from synthgen.raster.warp_start import start_warp


def test_no_place_for_kernels_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "/root/.cache/warp")

    monkeypatch.setattr(wp, "init", refuse)
    start_warp.cache_clear()
    with pytest.raises(SynthgenError, match="compiled kernels.*Permission denied.*WARP_CACHE_PATH"):
        start_warp()
    monkeypatch.undo()
    start_warp()
