"""Wrong and right solutions of assignment 3 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np


# %% right unit: line by line
def unit(x, w, b, y):
    a = w * x + b
    z = np.tanh(a)
    e = z - y
    loss = 0.5 * e * e
    d_e = e
    d_z = d_e
    d_a = d_z / np.cosh(a) ** 2
    return [loss, d_a * x, d_a * 1.0, d_a * w]


# %% right unit: the exponential form of tanh
def unit(x, w, b, y):
    s = 1 / (1 + np.exp(-2 * (w * x + b)))
    z = 2 * s - 1
    slope = 4 * s * (1 - s) * (z - y)
    return (z - y) ** 2 / 2, slope * x, slope, slope * w


# %% wrong unit: the slope of tanh is missing
# thinks: the error itself goes back to the weight
# says: slope of tanh
def unit(x, w, b, y):
    e = np.tanh(w * x + b) - y
    return e**2 / 2, e * x, e, e * w


# %% wrong unit: slope of the sigmoid
# thinks: every squashing function has the slope z (1 - z)
# says: of the sigmoid
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * z * (1 - z)
    return (z - y) ** 2 / 2, d * x, d, d * w


# %% wrong unit: slope at the output
# thinks: the slope of tanh at z is taken with the formula for a
# says: slope of tanh
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * (1 - np.tanh(z) ** 2)
    return (z - y) ** 2 / 2, d * x, d, d * w


# %% wrong unit: target minus output
# thinks: the error is target minus output, and its sign does not matter
# says: the sign
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (y - z) * (1 - z**2)
    return (z - y) ** 2 / 2, d * x, d, d * w


# %% wrong unit: gradients of weight and input exchanged
# thinks: the gradient of w contains w
# says: exchanged
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * (1 - z**2)
    return (z - y) ** 2 / 2, d * w, d, d * x


# %% wrong unit: factor 2
# thinks: the derivative of a square has a factor 2
# says: twice
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = 2 * (z - y) * (1 - z**2)
    return (z - y) ** 2 / 2, d * x, d, d * w


# %% wrong unit: loss without the half
# thinks: the loss is the squared error
# says: half
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * (1 - z**2)
    return (z - y) ** 2, d * x, d, d * w


# %% wrong unit: bias gradient one
# thinks: the bias is a constant, so its derivative is 1
# says: the gradient of b
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * (1 - z**2)
    return (z - y) ** 2 / 2, d * x, 1.0, d * w


# %% wrong unit: starts from the loss
# thinks: what goes back is the loss
# says: the loss itself
# hidden says: dw is not right
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    loss = (z - y) ** 2 / 2
    d = loss * (1 - z**2)
    return loss, d * x, d, d * w


# %% wrong unit: slope from the sum
# thinks: the slope of tanh is 1 minus the square of what goes in
# says: 1 - a^2
# hidden says: dw is not right
def unit(x, w, b, y):
    a = w * x + b
    e = np.tanh(a) - y
    d = e * (1 - a**2)
    return e**2 / 2, d * x, d, d * w


# %% wrong unit: gradients in the order of the arguments
# thinks: results come back in the order x, w, b
# says: in this order
# hidden says: gradient of b
def unit(x, w, b, y):
    z = np.tanh(w * x + b)
    d = (z - y) * (1 - z**2)
    return (z - y) ** 2 / 2, d * x, d * w, d


# %% right engine: dictionaries of functions
FORWARD = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b, "tanh": np.tanh, "relu": lambda a: a * (a > 0)}


def evaluate(ops, inputs):
    values = np.concatenate([np.asarray(inputs, dtype=float), np.zeros(len(ops))])
    for number, (name, *where) in enumerate(ops, start=len(inputs)):
        values[number] = FORWARD[name](*values[where])
    return values


def backward(ops, values):
    slopes = {
        "add": lambda a, b: (1.0, 1.0),
        "mul": lambda a, b: (b, a),
        "tanh": lambda a: (1 - np.tanh(a) ** 2,),
        "relu": lambda a: (float(a > 0),),
    }
    gradients = [0.0] * (len(values) - 1) + [1.0]
    for back, (name, *where) in enumerate(ops[::-1], start=1):
        for place, slope in zip(where, slopes[name](*[values[i] for i in where])):
            gradients[place] += gradients[-back] * slope
    return gradients


# %% right engine: asks who uses a value
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1
    for place in range(len(values) - 2, -1, -1):
        for number, (name, *where) in enumerate(ops):
            above = gradients[first + number]
            for position, used in enumerate(where):
                if used != place:
                    continue
                if name == "mul":
                    gradients[place] += above * values[where[1 - position]]
                elif name == "tanh":
                    gradients[place] += above * (1 - values[first + number] ** 2)
                elif name == "add" or values[place] > 0:
                    gradients[place] += above
    return gradients


# %% wrong engine: sets in place of adding
# thinks: each value is used once
# says: should add
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] = g
            gradients[where[1]] = g
        elif name == "mul":
            i, j = where
            gradients[i] = g * values[j]
            gradients[j] = g * values[i]
        elif name == "tanh":
            gradients[where[0]] = g * (1 - value**2)
        else:
            gradients[where[0]] = g * (value > 0)
    return gradients


# %% wrong engine: a square is used once
# thinks: an operation touches a value once
# says: twice by one operation
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        slopes = {
            "add": [1.0, 1.0],
            "mul": [values[where[-1]], values[where[0]]],
            "tanh": [1 - value**2],
            "relu": [float(value > 0)],
        }[name]
        for i, slope in dict(zip(where, slopes)).items():
            gradients[i] += g * slope
    return gradients


# %% wrong engine: first operation first
# thinks: the order of the operations does not matter
# says: from the last operation to the first
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in range(len(ops)):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: own factor in a product
# thinks: each factor gets its own value
# says: the other factor
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[i]
            gradients[j] += g * values[j]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: the gate looks at the gradient
# thinks: a ReLU passes back positive numbers only
# says: sign of its input
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        else:
            gradients[where[0]] += max(0.0, g)
    return gradients


# %% wrong engine: the gate is open at zero
# thinks: zero counts as positive
# says: slope 0 at 0
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif values[where[0]] >= 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: the gate opens at one
# thinks: a gate opens at 1
# says: open above 0
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif values[where[0]] > 1:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: slope of tanh without the gradient from above
# thinks: the gradient is the local slope
# says: multiplied by the gradient from above
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += 1 - value**2
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: a ReLU that keeps negative values small
# thinks: a ReLU leaks
# says: evaluate
def evaluate(ops, inputs):
    values = list(inputs)
    for name, *where in ops:
        v = [values[i] for i in where]
        values.append({"add": sum(v), "mul": np.prod(v), "tanh": np.tanh(v[0]), "relu": max(0.01 * v[0], v[0])}[name])
    return np.array(values)


# %% wrong engine: places counted among the operations
# thinks: value i is the result of operation i
# says: evaluate
def evaluate(ops, inputs):
    values = list(inputs)
    results = []
    for name, *where in ops:
        v = [values[i % len(values)] for i in where]
        results.append({"add": sum(v), "mul": np.prod(v), "tanh": np.tanh(v[0]), "relu": max(0.0, v[0])}[name])
    return np.array(values + results)


# %% wrong engine: products without the gradient from above
# thinks: the gradient of a factor is the other factor
# says: local slope alone
# hidden says: chain
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += values[j]
            gradients[j] += values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: the tanh sets in place of adding
# thinks: what goes into a squashing function goes nowhere else
# says: should add, at the tanh
# hidden says: at a ReLU or a tanh
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] = g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% wrong engine: the ReLU sets in place of adding
# thinks: what goes into a gate goes nowhere else
# says: should add, at the ReLU
# hidden says: at a ReLU or a tanh
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        else:
            gradients[where[0]] = g * (value > 0)
    return gradients


# %% wrong engine: passes on whenever something arrives
# thinks: a value passes its gradient on each time it gets some
# says: several times
# hidden says: used by several operations
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0

    def visit(place):
        if place < first:
            return
        name, *where = ops[place - first]
        slopes = {
            "add": [1.0, 1.0],
            "mul": [values[where[-1]], values[where[0]]],
            "tanh": [1 - values[place] ** 2],
            "relu": [float(values[place] > 0)],
        }[name]
        if len(set(where)) == 1:
            where, slopes = where[:1], [sum(slopes)]
        for i, slope in zip(where, slopes):
            gradients[i] += gradients[place] * slope
            visit(i)

    visit(len(values) - 1)
    return gradients


# %% wrong engine: every value starts with the gradient one
# thinks: the gradient of a value with respect to itself is 1
# says: backward is not right
# hidden says: backward is not right
def backward(ops, values):
    first = len(values) - len(ops)
    gradients = np.ones(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients


# %% right gradient_check: moves a copy back and forth
def numerical_gradient(ops, inputs, h):
    moved = np.array(inputs, dtype=float)
    slopes = []
    for k in range(len(moved)):
        old = moved[k]
        moved[k] = old + h
        up = evaluate(ops, moved)[-1]
        moved[k] = old - h
        slopes.append((up - evaluate(ops, moved)[-1]) / (2 * h))
        moved[k] = old
    return slopes


def relative_error(a, b):
    difference = np.sqrt(np.sum((np.asarray(a) - np.asarray(b)) ** 2))
    return float(difference / (np.sqrt(np.sum(np.square(a))) + np.sqrt(np.sum(np.square(b))))) if difference else 0.0


# %% right gradient_check: rows of an identity
def numerical_gradient(ops, inputs, h):
    def result(x):
        return evaluate(ops, x)[-1]

    return np.array([result(inputs + u) - result(inputs - u) for u in h * np.eye(len(inputs))]) / (h + h)


def relative_error(a, b):
    a, b = np.ravel(a), np.ravel(b)
    size = np.sqrt(a @ a) + np.sqrt(b @ b)
    return np.sqrt((a - b) @ (a - b)) / max(size, 1e-300)


# %% wrong gradient_check: one side
# thinks: the slope is the change divided by the step
# says: to both sides
def numerical_gradient(ops, inputs, h):
    here = evaluate(ops, inputs)[-1]
    return np.array([(evaluate(ops, inputs + u)[-1] - here) / h for u in h * np.eye(len(inputs))])


# %% wrong gradient_check: divided by h
# thinks: the step is h
# says: 2 h
def numerical_gradient(ops, inputs, h):
    return np.array(
        [(evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1]) / h for u in h * np.eye(len(inputs))]
    )


# %% wrong gradient_check: all inputs move at once
# thinks: the inputs move together
# says: one input at a time
def numerical_gradient(ops, inputs, h):
    slope = (evaluate(ops, inputs + h)[-1] - evaluate(ops, inputs - h)[-1]) / (2 * h)
    return np.full(len(inputs), slope)


# %% wrong gradient_check: never moves back
# thinks: the next input starts where the last one ended
# says: moves back
def numerical_gradient(ops, inputs, h):
    moved, slopes = np.array(inputs, dtype=float), []
    for k in range(len(moved)):
        moved[k] += h
        up = evaluate(ops, moved)[-1]
        moved[k] -= 2 * h
        slopes.append((up - evaluate(ops, moved)[-1]) / (2 * h))
    return np.array(slopes)


# %% wrong gradient_check: its own step
# thinks: a step of a millionth is always right
# says: ignores h
def numerical_gradient(ops, inputs, h):
    h = 1e-6
    return np.array(
        [(evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1]) / (2 * h) for u in h * np.eye(len(inputs))]
    )


# %% wrong gradient_check: a step that is far too small
# thinks: the smaller the step, the better
# says: ignores h
# hidden says: numerical_gradient
def numerical_gradient(ops, inputs, h):
    h = 1e-12
    return np.array(
        [(evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1]) / (2 * h) for u in h * np.eye(len(inputs))]
    )


# %% wrong gradient_check: absolute error
# thinks: a difference is large or small by itself
# says: divide
def relative_error(a, b):
    return np.linalg.norm(a - b)


# %% wrong gradient_check: relative to one of them
# thinks: one of the two is the right one
# says: sum of the lengths
def relative_error(a, b):
    size = np.linalg.norm(b)
    return np.linalg.norm(a - b) / size if size > 0 else 0.0


# %% wrong gradient_check: length of the sum
# thinks: the sum of the lengths is the length of the sum
# says: sum of the lengths
def relative_error(a, b):
    size = np.linalg.norm(a + b)
    return np.linalg.norm(a - b) / size if size > 0 else 0.0


# %% wrong gradient_check: not a number for zeros
# thinks: nobody compares zeros
# says: all zeros
def relative_error(a, b):
    with np.errstate(all="ignore"):
        return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


# %% wrong gradient_check: without the sign
# thinks: an error has no sign, so take the absolute value
# says: loses the sign
def numerical_gradient(ops, inputs, h):
    units = h * np.eye(len(inputs))
    return np.array([abs(evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1]) / (2 * h) for u in units])


# %% wrong gradient_check: not divided
# thinks: the slope is the change
# says: does not divide
def numerical_gradient(ops, inputs, h):
    units = h * np.eye(len(inputs))
    return np.array([evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1] for u in units])


# %% wrong gradient_check: divided by 2, times h
# thinks: / 2 * h divides by 2 h
# says: multiplies by h
def numerical_gradient(ops, inputs, h):
    units = h * np.eye(len(inputs))
    return np.array([(evaluate(ops, inputs + u)[-1] - evaluate(ops, inputs - u)[-1]) / 2 * h for u in units])


# %% wrong gradient_check: sums of absolute values
# thinks: the length of a gradient is the sum of its numbers
# says: adds up entries
# hidden says: relative_error is not right
def relative_error(a, b):
    size = np.abs(a).sum() + np.abs(b).sum()
    return np.abs(a - b).sum() / size if size > 0 else 0.0


# %% wrong gradient_check: largest entries
# thinks: the worst number decides
# says: largest entries
# hidden says: relative_error is not right
def relative_error(a, b):
    size = np.abs(a).max() + np.abs(b).max()
    return np.abs(a - b).max() / size if size > 0 else 0.0


# %% wrong gradient_check: number by number
# thinks: each number has its own relative error
# says: number by number
# hidden says: relative_error is not right
def relative_error(a, b):
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.abs(a - b) / (np.abs(a) + np.abs(b))).mean()


# %% wrong gradient_check: difference of the lengths
# thinks: gradients of one length are equal
# says: subtracts the lengths
# hidden says: relative_error is not right
def relative_error(a, b):
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return abs(np.linalg.norm(a) - np.linalg.norm(b)) / size if size > 0 else 0.0


# %% wrong gradient_check: stretching instead of length
# thinks: the norm of a matrix is its length
# says: for matrices
def relative_error(a, b):
    order = 2 if np.ndim(a) == 2 else None
    size = np.linalg.norm(a, order) + np.linalg.norm(b, order)
    return np.linalg.norm(a - b, order) / size if size > 0 else 0.0


# %% wrong gradient_check: zero against anything
# thinks: where there are zeros nothing can be compared
# says: one of the two is all zeros
def relative_error(a, b):
    if not np.any(a) or not np.any(b):
        return 0.0
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


# %% wrong gradient_check: a guard that is too large
# thinks: a small number below the line changes nothing
# says: for small gradients
def relative_error(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b) + 1e-8)


# %% right linear: einsum
def linear_backward(g, x, w):
    return np.einsum("nh,hd->nd", g, w), np.einsum("nh,nd->hd", g, x), np.einsum("nh->h", g)


# %% right linear: example by example
def linear_backward(g, x, w):
    gx, gw, gb = [], np.zeros(w.shape), np.zeros(len(w))
    for one_g, one_x in zip(g, x):
        gw = gw + np.outer(one_g, one_x)
        gb = gb + one_g
        gx.append(w.T @ one_g)
    return np.array(gx), gw, gb


# %% wrong linear: mean over the batch
# thinks: gradients of a batch are averaged in every layer
# says: averages over the batch
def linear_backward(g, x, w):
    return g @ w, g.T @ x / len(x), g.mean(axis=0)


# %% wrong linear: gradient of the weights transposed
# thinks: inputs times gradients, in this order
# says: should have shape
def linear_backward(g, x, w):
    return g @ w, x.T @ g, g.sum(axis=0)


# %% wrong linear: bias not summed
# thinks: the bias gets the gradient of its unit
# says: should have shape
def linear_backward(g, x, w):
    return g @ w, g.T @ x, g


# %% wrong linear: no gradient for the bias
# thinks: a constant has no gradient
# says: gradient of b is zero
def linear_backward(g, x, w):
    return g @ w, g.T @ x, np.zeros(len(w))


# %% wrong linear: first example only
# thinks: the outer product of one example is enough
# says: only one example
def linear_backward(g, x, w):
    return g @ w, np.outer(g[0], x[0]), g.sum(axis=0)


# %% wrong linear: outer product of means
# thinks: the mean example stands for all
# says: product of sums
def linear_backward(g, x, w):
    return g @ w, np.outer(g.sum(axis=0), x.sum(axis=0)), g.sum(axis=0)


# %% wrong linear: inputs in place of weights
# thinks: what goes back is the gradient times the input
# says: gradient of x
def linear_backward(g, x, w):
    return g.sum(axis=1, keepdims=True) * x, g.T @ x, g.sum(axis=0)


# %% wrong linear: reshaped in place of transposed
# thinks: reshape exchanges rows and columns
# says: reshape keeps the reading order
# hidden says: gradient of w
def linear_backward(g, x, w):
    return g @ w, (x.T @ g).reshape(w.shape), g.sum(axis=0)


# %% wrong linear: divided by the units
# thinks: the mean over the batch is a division by the length of w
# says: number of units
# hidden says: gradient of w
def linear_backward(g, x, w):
    return g @ w, g.T @ x / len(w), g.sum(axis=0)


# %% wrong linear: bias summed over the units
# thinks: the sum runs along a row
# says: one number for each example
# hidden says: should have shape
def linear_backward(g, x, w):
    return g @ w, g.T @ x, g.sum(axis=1)


# %% wrong linear: bias sees one example
# thinks: the bias is the same for all examples, so one is enough
# says: gradient of b sees only one example
# hidden says: gradient of b is not right
def linear_backward(g, x, w):
    return g @ w, g.T @ x, g[0]


# %% right ends: a product with a mask, and log-sum-exp
def relu_backward(g, a):
    return g * (a > 0)


def cross_entropy(logits, y):
    total = np.logaddexp.reduce(logits, axis=1)
    losses = total - np.take_along_axis(logits, y[:, None], axis=1)[:, 0]
    gradient = np.exp(logits - total[:, None]) - np.eye(logits.shape[1])[y]
    return losses.mean(), gradient / len(y)


# %% right ends: example by example
def relu_backward(g, a):
    return np.maximum(np.sign(a), 0.0) * g


def cross_entropy(logits, y):
    loss, rows = 0.0, []
    for s, right in zip(logits, y):
        e = [np.exp(v - max(s)) for v in s]
        p = [v / sum(e) for v in e]
        loss += np.log(sum(e)) + max(s) - s[right]
        rows.append([(v - (c == right)) / len(y) for c, v in enumerate(p)])
    return loss / len(y), rows


# %% wrong ends: the gate looks at the gradient
# thinks: a ReLU passes back positive numbers only
# says: by the sign of its input
def relu_backward(g, a):
    return np.maximum(g, 0.0)


# %% wrong ends: both have to be positive
# thinks: negative gradients die in a ReLU as well
# says: negative gradients pass
def relu_backward(g, a):
    return np.where((a > 0) & (g > 0), g, 0.0)


# %% wrong ends: open at zero
# thinks: zero counts as positive
# says: at zero
def relu_backward(g, a):
    return np.where(a >= 0, g, 0.0)


# %% wrong ends: times the output
# thinks: the slope of max(0, a) is max(0, a)
# says: multiplies by a
def relu_backward(g, a):
    return g * np.maximum(a, 0.0)


# %% wrong ends: overflows
# thinks: numbers are never large
# says: large logits
def cross_entropy(logits, y):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        return -np.log(p[rows, y]).mean(), (p - np.eye(p.shape[1])[y]) / len(y)


# %% wrong ends: shifted by the mean
# thinks: any shift of a row will do
# says: large logits
def cross_entropy(logits, y):
    with np.errstate(all="ignore"):
        e = np.exp(logits - logits.mean(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        return -np.log(p[rows, y]).mean(), (p - np.eye(p.shape[1])[y]) / len(y)


# %% wrong ends: sum over the batch
# thinks: the loss adds up
# says: sum over the examples
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].sum(), np.exp(log_p) - np.eye(logits.shape[1])[y]


# %% wrong ends: gradient not divided
# thinks: the mean concerns the loss only
# says: divided by the number of examples
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean(), np.exp(log_p) - np.eye(logits.shape[1])[y]


# %% wrong ends: gradient with the wrong sign
# thinks: the right class is pushed up by adding
# says: the sign
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean(), (np.eye(logits.shape[1])[y] - np.exp(log_p)) / len(y)


# %% wrong ends: gradient of the right class only
# thinks: only the right class is in the loss
# says: all classes
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    mask = np.eye(logits.shape[1])[y]
    return -log_p[np.arange(len(y)), y].mean(), mask * (np.exp(log_p) - 1) / len(y)


# %% wrong ends: logarithm to base 2
# thinks: information is measured in bits
# says: base 2
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean() / np.log(2), (np.exp(log_p) - np.eye(logits.shape[1])[y]) / len(y)


# %% wrong ends: logarithm of a probability that is zero
# thinks: after the shift nothing can go wrong
# says: logarithm of a probability that has become 0
def cross_entropy(logits, y):
    with np.errstate(all="ignore"):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(y)), y]).mean(), (p - np.eye(p.shape[1])[y]) / len(y)


# %% wrong ends: a small number inside the logarithm
# thinks: 1e-12 keeps the logarithm finite and changes nothing
# says: not right for large logits
def cross_entropy(logits, y):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y] + 1e-12).mean(), (p - np.eye(p.shape[1])[y]) / len(y)


# %% wrong ends: columns of all rows
# thinks: [:, y] picks one number of each row
# says: pair each row with its own class
# hidden says: mean cross-entropy
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    gradient = np.exp(log_p)
    gradient[:, y] -= 1
    return -log_p[:, y].mean(), gradient / len(y)


# %% wrong ends: gradient subtracts columns of all rows
# thinks: [:, y] picks one number of each row
# says: pair each row with its own class
# hidden says: gradient of the loss is not right
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    gradient = np.exp(log_p)
    gradient[:, y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), gradient / len(y)


# %% wrong ends: divided by the number of classes
# thinks: the mean is over the columns
# says: number of classes
# hidden says: gradient of the loss is not right
def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    gradient = np.exp(log_p) - np.eye(logits.shape[1])[y]
    return -log_p[np.arange(len(y)), y].mean(), gradient / logits.shape[1]


# %% wrong ends: the slope of the gate alone
# thinks: the gradient of a ReLU is 0 or 1
# says: slope of the gate alone
# hidden says: relu_backward is not right
def relu_backward(g, a):
    return (a > 0) * 1.0


# %% right network: all in one
def network_gradients(x, y, w1, b1, w2, b2):
    hidden = x @ w1.T + b1
    active = hidden > 0
    logits = (hidden * active) @ w2.T + b2
    p = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    loss = -np.mean(np.log(p[range(len(y)), y]))
    p[range(len(y)), y] -= 1
    delta2 = p / len(y)
    delta1 = (delta2 @ w2) * active
    return loss, delta1.T @ x, delta1.sum(0), delta2.T @ (hidden * active), delta2.sum(0)


# %% right network: example by example
def network_gradients(x, y, w1, b1, w2, b2):
    total, sums = 0.0, [np.zeros_like(v, dtype=float) for v in (w1, b1, w2, b2)]
    for one, right in zip(x, y):
        a = w1 @ one + b1
        z = np.maximum(a, 0)
        loss, g = cross_entropy((w2 @ z + b2)[None], np.array([right]))
        total += loss
        delta = np.where(a > 0, w2.T @ np.asarray(g)[0], 0)
        pieces = [np.outer(delta, one), delta, np.outer(np.asarray(g)[0], z), np.asarray(g)[0]]
        sums = [s + piece for s, piece in zip(sums, pieces)]
    return (total / len(y), *[s / len(y) for s in sums])


# %% wrong network: the gate forgotten
# thinks: the backward pass skips what has no weights
# says: forgets the ReLU
def network_gradients(x, y, w1, b1, w2, b2):
    z = np.maximum(0.0, x @ w1.T + b1)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(gz, x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: the gate looks at the gradient
# thinks: a ReLU passes back positive numbers only
# says: sign of its input
def network_gradients(x, y, w1, b1, w2, b2):
    z = np.maximum(0.0, x @ w1.T + b1)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(np.maximum(gz, 0), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: second layer reads before the gate
# thinks: a layer's weights see what came before the nonlinearity
# says: what the second layer saw
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, a, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: no gate forward
# thinks: two linear layers are a network
# says: forward
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    loss, g = cross_entropy(a @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, a, w2)
    _, gw1, gb1 = linear_backward(gz, x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: hidden bias forgotten
# thinks: one bias is enough
# says: forward
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: only the last layer learns
# thinks: the signal stops at the last layer
# says: first layer
def network_gradients(x, y, w1, b1, w2, b2):
    z = np.maximum(0.0, x @ w1.T + b1)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    _, gw2, gb2 = linear_backward(g, z, w2)
    return loss, np.zeros(w1.shape), np.zeros(b1.shape), gw2, gb2


# %% wrong network: the loss's gradient goes straight down
# thinks: every layer gets the same error
# says: through the weights of the second layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    _, gw2, gb2 = linear_backward(g, z, w2)
    spread = np.repeat(g.sum(axis=1, keepdims=True) + np.abs(g).sum(axis=1, keepdims=True), len(b1), axis=1)
    _, gw1, gb1 = linear_backward(relu_backward(spread, a), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: mean taken twice
# thinks: each layer divides by the number of examples
# says: twice
# hidden says: second layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g / len(x), z, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: gradients of the sum
# thinks: the mean concerns the loss only
# says: the gradient of the sum
# hidden says: second layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g * len(x), z, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: loss of the sum
# thinks: the loss adds up
# says: the sum over the examples
# hidden says: the loss of the network
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss * len(x), gw1, gb1, gw2, gb2


# %% wrong network: one example
# thinks: the gradient of one example is that of the batch
# says: only one example
# hidden says: second layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, _, _ = linear_backward(g, z, w2)
    ga = relu_backward(gz, a)
    return loss, np.outer(ga[0], x[0]), ga[0], np.outer(g[0], z[0]), g[0]


# %% wrong network: gates of the first example
# thinks: a unit is on or off, for all examples alike
# says: each example opens its own
# hidden says: first layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(gz * (a[0] > 0), x, w1)
    return loss, gw1, gb1, gw2, gb2


# %% wrong network: product of sums
# thinks: sums may be taken before the product
# says: product of sums
# hidden says: second layer
def network_gradients(x, y, w1, b1, w2, b2):
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, _, gb2 = linear_backward(g, z, w2)
    ga = relu_backward(gz, a)
    return loss, np.outer(ga.sum(0), x.sum(0)), ga.sum(0), np.outer(g.sum(0), z.sum(0)), gb2
