"""``python -m medsched``: the ``medsched`` command."""

from medsched.cli import main

raise SystemExit(main())
