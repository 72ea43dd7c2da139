"""How the documentation is built: `nox -s docs`."""

import doctest
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

project = "medsched"
author = "The medsched contributors"
copyright = author
release = version = installed_version("medsched")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"medsched {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# In docstrings `this` is code; a link is asked for with a role, :class:`this`, and then must hold.
default_role = "literal"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# The documentation builds without a network, so types of the standard library and of dependencies,
# which autodoc finds in signatures, have no page to link to. A wrong link to one of medsched's own
# names still fails.
_elsewhere = {*sys.stdlib_module_names, "attr", "attrs", "dateutil", "hypothesis", "sqlalchemy"}
nitpick_ignore_regex = [
    ("py:.*", rf"({'|'.join(sorted(_elsewhere))})\..+"),
    # As attrs writes them into the signatures it makes.
    ("py:class", r"datetime|timedelta|time|Decimal|Fraction"),
    ("py:class", r"(medsched\..+\.)?([A-Z]|StoredT|NounT|HoursT|BookingT|Span)"),  # type variables
    ("py:.*", r"medsched\.testing\.history\..+"),  # its words are those of the domain too
    ("py:class", r"medsched\..+\._\w+"),  # options of `Override.closed` and others, told in a table
]
python_maximum_signature_line_length = 88


def _tidy(app, what, name, obj, options, signature, returns):
    """Keep `type[...]` from being linked to `Slot.type`, and show a factory's default as `...`."""
    if signature:
        signature = signature.replace(" type[", " ~builtins.type[").replace("NOTHING", "...")
    return signature, returns


def setup(app):
    app.connect("autodoc-process-signature", _tidy)


# Examples print what they show to the letter, the sentences of errors included.
doctest_default_flags = doctest.ELLIPSIS
doctest_global_setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})"
