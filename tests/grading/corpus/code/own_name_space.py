# Names that the grader uses, used by the student.
# expects: graded 3
# %% extra
__name__ = "__student__"
checks = student = rng = message = value = np = None
class Student:
    pass
