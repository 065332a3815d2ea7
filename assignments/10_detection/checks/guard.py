# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Tables and pictures never stop a notebook: where there is nothing to show, a sentence says why."""

from .answers import NotWritten, Wrong


def guarded(name, needed, work) -> None:
    """Do the work, or say in one line why it cannot be done."""
    try:
        work()
    except (NotImplementedError, NotWritten):
        print(f"No {name} yet: it needs {needed}. Write the code above, run that cell, then this one again.")
    except Wrong as wrong:
        print(f"No {name}: {wrong}")
    except Exception as trouble:
        print(
            f"No {name}: a function stops with {type(trouble).__name__}, or returns what cannot be used ({str(trouble)[:100]})"
        )
