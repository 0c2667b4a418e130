"""The clock and the number in the picture."""

from __future__ import annotations


class Band:
    """To come."""

    def typical_size(self, *, keyframe: bool) -> int:
        """Bytes."""
        return 30_000 if keyframe else 2_000
