"""Objects and networks of the student's, by handle: an assignment with torch, end to end, and what handles refuse."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.grading.answers import Wrong
from course_utils.grading.assignment import load_assignment
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import grade_files
from course_utils.grading.hidden import about, earned, run_tests
from course_utils.grading.mutants import read_mutants
from course_utils.grading.remote import Student
from course_utils.grading.sandbox.plain import PlainRunner
from course_utils.grading.sentences import CallFailed
from course_utils.grading.session import Cell, Limits, StudentSession

_spec = importlib.util.spec_from_file_location("layer_assignment", Path(__file__).parent / "layer_assignment.py")
layer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(layer)

NUMBERS = """
class Counter:
    unit = "mm"

    def __init__(self, start=0, *, step=1):
        self.count, self.step = start, step
        self._private = 1

    def add(self, times=1):
        self.count += self.step * times
        return self.count

    def twin(self):
        return Counter(self.count, step=self.step)

    def get(self, what):
        return what + "?"

    def fail(self):
        raise KeyError("secret")

    def hang(self):
        while True: pass


def total(counters, extra=0, *, factor=1):
    return factor * sum(c.count for c in counters["all"]) + extra


def draw():
    import random
    import numpy as np
    return [random.random(), float(np.random.rand()), float(np.random.default_rng().random())]
"""


@pytest.fixture
def student(session):
    s = session(NUMBERS)
    s.begin(1)
    return Student(s)


# ---- any object ----


def test_objects_stay_are_called_and_go_in_as_arguments(student):
    a = student.Counter.new(5, step=2)
    assert (a.add(), a.add(times=2), a.get("count"), a.get("unit")) == (7, 11, 11, "mm")
    b = a.twin.new()
    assert (b.add(), a.get("count")) == (13, 11)
    assert student.total({"all": [a, b]}, 1, factor=10) == 241
    assert a.call("get", "what") == "what?"
    assert student.total.changes_its_arguments({"all": (a, b)}) is False


def test_what_is_refused_says_so(student):
    a = student.Counter.new()
    for wrong in (lambda: a._private, lambda: a.get("_private"), lambda: a.get("add.__self__"), lambda: student._x):
        with pytest.raises(AttributeError, match="underscore are refused"):
            wrong()
    with pytest.raises(CallFailed, match=r"there is no Counter\(\.\.\.\)\.colour") as absent:
        a.get("colour")
    assert absent.value.status == "absent"
    with pytest.raises(CallFailed, match=r"there is no Counter\(\.\.\.\)\.jump"):
        a.jump()
    with pytest.raises(CallFailed, match=r"Counter\(\.\.\.\)\.fail stops with KeyError \(line 20 of cell 1\)"):
        a.fail()
    with pytest.raises(CallFailed, match=r"Counter\(\.\.\.\)\.twin returned an object"):
        a.twin()
    with pytest.raises(TypeError, match=r"read with \.get\('count'\)"):
        np.asarray(a.count)
    with pytest.raises(CallFailed, match=r"there is no Counter\(\.\.\.\)\.parameters"):
        a.parameters()


def test_a_lost_object_fails_its_test_and_the_next_test_begins_anew(student):
    a = student.Counter.new()
    with pytest.raises(CallFailed, match="did not finish"):
        a.hang()
    with pytest.raises(CallFailed, match=r"Counter\(\.\.\.\) was lost when the Python process ended") as lost:
        a.add()
    assert lost.value.status == "died"
    with pytest.raises(CallFailed, match="was lost"):
        student.total({"all": [a]})
    assert student.Counter.new().add() == 1


def test_objects_end_with_their_test(student):
    a = student.Counter.new()
    student._session.begin(2)
    with pytest.raises(CallFailed, match="was lost"):
        a.add()


def test_random_numbers_of_the_students_code_depend_on_the_test_alone(student, session):
    first, second = student.draw(), student.draw()
    assert first != second
    student._session.begin(1)
    assert student.draw() == first
    student._session.begin(7)
    assert student.draw() != first
    other = session(NUMBERS)
    other.begin(1)
    Student(other).Counter.new()
    assert Student(other).draw() == first


# ---- tensors and networks ----

NETWORK = """
import torch
from torch import nn

def make(n):
    return nn.Sequential(nn.Linear(2, n), nn.BatchNorm1d(n))

def echo(x):
    return x

def kinds(x):
    return [type(x).__name__, str(getattr(x, "dtype", "")), bool(getattr(x, "requires_grad", False))]

def spoil(x):
    x += 1

def strange(kind):
    return {"sparse": torch.eye(3).to_sparse(), "complex": torch.ones(2) * 1j, "meta": torch.ones(2, device="meta"),
            "module": nn.Linear(1, 1), "large": torch.zeros(10**7), "pair": (nn.ReLU(), 1)}[kind]

class Stranger:
    def named_parameters(self):
        return [("a", "text")]

def crooked():
    return Stranger()
"""


@pytest.fixture(scope="module")
def torch_session():
    with StudentSession(PlainRunner(), [Cell("cell 1", NETWORK)], tensors=True) as s:
        yield s


@pytest.fixture
def network(torch_session):
    torch_session.begin(3)
    return Student(torch_session)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64"])
def test_tensors_cross_as_tensors_with_their_dtype(network, dtype):
    for shape in ((), (0, 2), (2, 3)):
        x = (torch.arange(6).reshape(2, 3) if len(shape) == 2 and shape[0] else torch.ones(shape)).to(
            getattr(torch, dtype)
        )
        back = network.echo(x)
        assert isinstance(back, torch.Tensor)
        assert back.dtype == x.dtype
        assert torch.equal(back, x)
    assert network.kinds(x) == ["Tensor", f"torch.{dtype}", False]


def test_a_tensor_keeps_whether_it_requires_a_gradient_and_is_a_copy(network):
    x = torch.ones(2, requires_grad=True)
    assert network.kinds(x)[2] is True
    assert network.echo(x).requires_grad
    y = torch.ones(2)
    assert network.spoil.changes_its_arguments(y) is True
    assert torch.equal(y, torch.ones(2))
    assert isinstance(network.echo(np.ones(2)), np.ndarray)


def test_without_torch_in_the_tests_tensors_arrive_as_arrays(torch_session):
    torch_session.begin(3)
    torch_session.tensors = False
    try:
        for dtype in (torch.float32, torch.bfloat16):
            back = Student(torch_session).echo(torch.tensor([1.5, -2.0], dtype=dtype, requires_grad=True))
            assert type(back) is np.ndarray
            np.testing.assert_array_equal(back, [1.5, -2.0])
    finally:
        torch_session.tensors = True


@pytest.mark.parametrize(
    ("kind", "words"),
    [("sparse", "real numbers"), ("complex", "real numbers"), ("meta", "not numbers"), ("module", "network or layer"),
     ("large", "far more"), ("pair", "network or layer")],
)  # fmt: skip
def test_other_tensors_are_refused_in_words(network, kind, words):
    with pytest.raises(CallFailed, match=words) as refused:
        network.strange(kind)
    assert refused.value.status == "unsendable"


def test_a_network_shows_and_takes_its_parameters(network):
    net = network.make.new(3)
    assert {n: tuple(p.shape) for n, p in net.parameters().items()} == {
        "0.weight": (3, 2), "0.bias": (3,), "1.weight": (3,), "1.bias": (3,),
    }  # fmt: skip
    assert set(net.buffers()) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert set(net.gradients().values()) == {None}
    net.load_parameters({"0.weight": torch.ones(3, 2), "0.bias": np.zeros(3, np.float32)})
    net.eval.new()
    x = torch.tensor([[1.0, 2.0]])
    assert torch.allclose(net(x), torch.full((1, 3), 3.0), atol=1e-3)
    assert net.get("0.in_features") == 2
    with pytest.raises(Wrong, match=r"has no parameter 0\.weights"):
        net.load_parameters({"0.weights": torch.ones(3, 2)})
    with pytest.raises(Wrong, match=r"0\.weight of make\(\.\.\.\) should have shape \(2, 3\), got \(3, 2\)"):
        net.load_parameters({"0.weight": torch.ones(2, 3)})
    with pytest.raises(CallFailed, match="parameters that are no tensors"):
        network.crooked.new().parameters()


# ---- an assignment ----


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return load_assignment(layer.NAME, layer.write_assignment(tmp_path_factory.mktemp("assignments")))


@pytest.fixture(scope="module")
def grade(assignment):
    """Run an exercise's hidden tests on the model solution with some definitions replaced."""
    session = StudentSession(PlainRunner(), [Cell("cell 1", layer.IMPORTS)], tensors=assignment.tensors)
    with session:
        session.load()

        def run(exercise, code="", seed=0):
            model = "\n".join([layer.IMPORTS, *layer.MODEL.values(), layer.KEEP])
            session.replace([Cell("cell 1", f"{model}\n{code}")])
            return run_tests([t for t in assignment.tests if about(t).exercise == exercise], session, seed)

        yield run


def test_the_assignment_speaks_torch(assignment):
    assert assignment.tensors
    assert [(e.name, e.points, e.functions) for e in assignment.exercises] == [
        ("layer", 4, ("Conv",)), ("step", 2, ("train_step",)),
    ]  # fmt: skip


@pytest.mark.parametrize("mutant", read_mutants(layer.MUTANTS), ids=lambda m: f"{m.exercise}: {m.name}")
def test_wrong_layers_and_steps_are_rejected_with_their_own_message(grade, mutant):
    for seed in (0, 12345):
        results = grade(mutant.exercise, mutant.code, seed)
        failed = [r for r in results if r.status != "passed"]
        assert not [r for r in results if r.status == "ungraded"], results
        if mutant.right:
            assert not failed
        else:
            assert any(mutant.hidden_says in r.sentence for r in failed), [r.sentence for r in results]


@pytest.mark.parametrize("seed", range(3))
def test_the_model_solution_earns_everything(grade, seed):
    assert (earned(grade("layer", seed=seed)), earned(grade("step", seed=seed))) == (4, 2)


def test_a_submission_is_graded_end_to_end(assignment):
    files = SubmittedFiles({f"{layer.NAME}.ipynb": layer.solved(step="def train_step(net, x, y, lr):\n    return 0.0")})
    grade = grade_files(assignment, files, PlainRunner(), 5)
    assert (grade.status, grade.points) == ("graded", 4.0)
    assert grade.sentences == ("train_step does not return the loss before its step",)
    assert set(grade.environment) == {"python", "numpy", "torch"}
    assert grade_files(assignment, files, PlainRunner(), 5).record() == grade.record()


def test_torch_begins_with_the_same_numbers_whoever_imports_it(session):
    code = "import torch\nSEEN = torch.rand(2).tolist()\ndef seen():\n    return SEEN, torch.rand(2).tolist()\n"
    values = []
    for tensors in (False, False, True):
        s = session(code, tensors=tensors, limits=Limits())
        s.begin(5)
        values.append(Student(s).seen())
    assert values[0] == values[1] == values[2]
