"""The clinic file: a whole practice in one TOML file that people can read and write.

`load_clinic` reads a file, `read_clinic` a dict of the same shape. Both make a `Clinic` or
raise one `ClinicFileError` that names every mistake by table and field. To store a clinic:
``Scheduler(store).practice(clinic.settings.id).add_all(clinic.records)``.
"""

from medsched.adapters.clinic_file.clinic import Clinic
from medsched.adapters.clinic_file.examples import example_clinic, example_text
from medsched.adapters.clinic_file.loading import load_clinic, read_clinic

__all__ = ["Clinic", "example_clinic", "example_text", "load_clinic", "read_clinic"]
