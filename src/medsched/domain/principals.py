"""Who acts."""

from __future__ import annotations

from typing import Final

import attrs

from medsched.domain.fields import an_id


@attrs.frozen
class Principal:
    """Somebody, or a program, on whose behalf a command runs: an id of the host's."""

    id: str = attrs.field(validator=an_id)


SYSTEM: Final = Principal("system")
"""Who acts where nobody is named: the host itself, which is trusted."""
