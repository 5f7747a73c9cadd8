"""What every record of a results folder has: the number of the schema that it was written in."""

from kdbench.spec import Record

# Raise it when the fields of any stored record change their meaning or their names, and let `carry_over` read the
# records of the number before.
SCHEMA = 2


class Stored(Record):
    """A record that lies in a file of its own. Files of schema 1 have no number."""

    schema_number: int = SCHEMA
