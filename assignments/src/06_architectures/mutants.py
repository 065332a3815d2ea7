"""Wrong and right solutions of assignment 6 (see course_utils.grading.mutants): what the tests are tested with."""

import torch
from torch import nn
from torch.nn import functional as F


# %% right lenet: slices in place of average pooling, a list of layers
class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(channels) / 4)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        h, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
        x = x[:, :, :h, :w]
        total = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]
        return total * self.coefficient.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


class LeNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.c1, self.s2 = nn.Conv2d(1, 6, 5), Subsampling(6)
        self.c3, self.s4 = nn.Conv2d(6, 16, 5), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Conv2d(120, 84, 1)
        self.output = nn.Conv2d(84, classes, kernel_size=(1, 1))

    def squash(self, a):
        return 1.7159 * (1 - 2 / (torch.exp(4 / 3 * a) + 1))

    def forward(self, x):
        x = self.squash(self.s2(self.squash(self.c1(x))))
        x = self.squash(self.s4(self.squash(self.c3(x))))
        return self.output(self.squash(self.f6(self.squash(self.c5(x)))))


# %% right lenet: a grouped convolution adds up, children in order
class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.bias = nn.Parameter(torch.zeros(channels))
        self.coefficient = nn.Parameter(torch.empty(channels).fill_(1 / 4))

    def forward(self, x):
        weight = self.coefficient.reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)
        return F.conv2d(x, weight, self.bias, stride=2, groups=self.channels)


class LeNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        sizes = {"c1": (1, 6, 5), "c3": (6, 16, 5), "c5": (16, 120, 5), "f6": (120, 84, 1), "output": (84, classes, 1)}
        for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output"):
            layer = nn.Conv2d(*sizes[name]) if name in sizes else Subsampling({"s2": 6, "s4": 16}[name])
            setattr(self, name, layer)

    def forward(self, x):
        *hidden, last = self.children()
        for layer in hidden:
            x = torch.tanh(layer(x) * 2 / 3) * 1.7159
        return last(x)


# %% wrong lenet: subsampling takes the mean
# thinks: average pooling divides by four, and the coefficient comes on top
# says: takes the mean of the window
class Subsampling(Subsampling):
    def forward(self, x):
        return self.coefficient[:, None, None] * F.avg_pool2d(x, 2) + self.bias[:, None, None]


# %% wrong lenet: subsampling takes the maximum
# thinks: pooling in LeNet is maximum pooling, as in every network today
# says: takes the largest of the window
class Subsampling(Subsampling):
    def forward(self, x):
        return self.coefficient[:, None, None] * F.max_pool2d(x, 2) + self.bias[:, None, None]


# %% wrong lenet: subsampling without parameters of its own
# thinks: a tensor that is an attribute is trained
# says: has no parameter coefficient
class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.coefficient = torch.full((channels,), 0.25)
        self.bias = torch.zeros(channels)

    def forward(self, x):
        return self.coefficient[:, None, None] * 4 * F.avg_pool2d(x, 2) + self.bias[:, None, None]


# %% wrong lenet: one coefficient for all maps
# thinks: a layer has one coefficient and one bias
# says: should have shape
class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((1,), 0.25))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.coefficient * 4 * F.avg_pool2d(x, 2) + self.bias


# %% wrong lenet: subsampling squashes by itself
# thinks: the tanh belongs to each layer
# says: Subsampling squashes
class Subsampling(Subsampling):
    def forward(self, x):
        a = self.coefficient[:, None, None] * 4 * F.avg_pool2d(x, 2) + self.bias[:, None, None]
        return 1.7159 * torch.tanh(2 / 3 * a)


# %% wrong lenet: the bias inside the brackets
# thinks: coefficient times (sum plus bias)
# says: multiplies the bias by the coefficient
class Subsampling(Subsampling):
    def forward(self, x):
        return self.coefficient[:, None, None] * (4 * F.avg_pool2d(x, 2) + self.bias[:, None, None])


# %% wrong lenet: coefficients start at one
# thinks: a coefficient of one changes nothing
# says: 0.25
class Subsampling(Subsampling):
    def __init__(self, channels):
        super().__init__(channels)
        nn.init.ones_(self.coefficient)


# %% wrong lenet: coefficients start at random
# thinks: every weight starts at random
# says: start at 0.25
class Subsampling(Subsampling):
    def __init__(self, channels):
        super().__init__(channels)
        nn.init.uniform_(self.coefficient, 0.0, 0.2)


# %% wrong lenet: rounds the size up
# thinks: a last row is a window too
# says: should have shape
class Subsampling(Subsampling):
    def forward(self, x):
        total = 4 * F.avg_pool2d(x, 2, ceil_mode=True)
        return self.coefficient[:, None, None] * total + self.bias[:, None, None]


# %% wrong lenet: windows that overlap
# thinks: subsampling moves by one, as convolutions do
# says: should have shape
class Subsampling(Subsampling):
    def forward(self, x):
        return self.coefficient[:, None, None] * 4 * F.avg_pool2d(x, 2, stride=1) + self.bias[:, None, None]


# %% wrong lenet: c5 as a linear layer
# thinks: after the last pooling everything is flattened
# says: a linear layer
class LeNet(LeNet):
    def __init__(self, classes):
        super().__init__(classes)
        self.c5 = nn.Linear(400, 120)

    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4):
            x = 1.7159 * torch.tanh(2 / 3 * layer(x))
        x = 1.7159 * torch.tanh(2 / 3 * self.c5(x.flatten(1)))[:, :, None, None]
        return self.output(1.7159 * torch.tanh(2 / 3 * self.f6(x)))


# %% wrong lenet: f6 and output as linear layers
# thinks: fully connected means nn.Linear
# says: linear layer
class LeNet(LeNet):
    def __init__(self, classes):
        super().__init__(classes)
        self.f6, self.output = nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = 1.7159 * torch.tanh(2 / 3 * layer(x))
        x = 1.7159 * torch.tanh(2 / 3 * self.f6(x.movedim(1, 3)))
        return self.output(x).movedim(3, 1)


# %% wrong lenet: ten classes always
# thinks: digits have ten classes
# says: ignores
class LeNet(LeNet):
    def __init__(self, classes):
        super().__init__(10)


# %% wrong lenet: no biases
# thinks: a bias makes no difference
# says: c1
class LeNet(LeNet):
    def __init__(self, classes):
        super().__init__(classes)
        self.c1 = nn.Conv2d(1, 6, 5, bias=False)


# %% wrong lenet: padded first layer
# thinks: the picture has 28 x 28 pixels and is padded
# says: should have shape
class LeNet(LeNet):
    def __init__(self, classes):
        super().__init__(classes)
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)


# %% wrong lenet: plain tanh
# thinks: a tanh is a tanh
# says: plain tanh
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = torch.tanh(layer(x))
        return self.output(x)


# %% wrong lenet: ReLU
# thinks: today one takes the ReLU
# says: uses the ReLU
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = torch.relu(layer(x))
        return self.output(x)


# %% wrong lenet: squashes the scores
# thinks: the last layer has its tanh as well
# says: squashes the output
class LeNet(LeNet):
    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * super().forward(x))


# %% wrong lenet: no tanh after subsampling
# thinks: pooling has no activation
# says: after the subsamplings
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = layer(x)
            if not isinstance(layer, Subsampling):
                x = 1.7159 * torch.tanh(2 / 3 * x)
        return self.output(x)


# %% wrong lenet: only the factor outside
# thinks: 1.7159 is what is special about it
# says: scales the output of the tanh alone
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = 1.7159 * torch.tanh(layer(x))
        return self.output(x)


# %% wrong lenet: only the factor inside
# thinks: 2/3 is what is special about it
# says: scales the input of the tanh alone
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = torch.tanh(2 / 3 * layer(x))
        return self.output(x)


# %% wrong lenet: flattens the answer
# thinks: a network returns one row of scores a picture
# says: should have shape
class LeNet(LeNet):
    def forward(self, x):
        return super().forward(x).flatten(1)


# %% wrong lenet: averages over places
# thinks: one answer a picture, so take the mean
# says: should have shape
# hidden says: should have shape
class LeNet(LeNet):
    def forward(self, x):
        return super().forward(x).mean(dim=(2, 3), keepdim=True)


# %% wrong lenet: detaches on the way
# thinks: detach saves memory
# says: no gradient reaches
class LeNet(LeNet):
    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = 1.7159 * torch.tanh(2 / 3 * layer(x.detach()))
        return self.output(x)


# %% wrong lenet: resizes what is larger
# thinks: a network needs pictures of one size
# says: should have shape
class LeNet(LeNet):
    def forward(self, x):
        return super().forward(F.interpolate(x, size=(32, 32)))


# %% right account: builds the layers and looks
def _built(layers, shape):
    x = torch.zeros(1, *shape)
    for kind, *numbers in layers:
        if kind == "conv":
            maps, k, s, p, groups = numbers
            layer = nn.Conv2d(x.shape[1], maps, k, s, p, groups=groups)
        elif kind == "linear":
            layer = nn.Linear(x.shape[1], numbers[0])
        else:
            layer = {"pool": lambda: nn.MaxPool2d(*numbers), "relu": nn.ReLU, "flatten": nn.Flatten}[kind]()
        x = layer(x)
        yield layer, x


def shapes(layers, shape):
    return [tuple(x.shape)[1:] for _, x in _built(layers, shape)]


def parameters(layers, shape):
    return [sum(p.numel() for p in layer.parameters()) for layer, _ in _built(layers, shape)]


def multiply_adds(layers, shape):
    return [
        x.numel() * layer.weight[0].numel() if hasattr(layer, "weight") else 0 for layer, x in _built(layers, shape)
    ]


# %% right account: one layer at a time, tensors and lists come back
def _one(layer, shape):
    kind = layer[0]
    if kind == "conv":
        _, maps, k, s, p, g = layer
        rows, columns = ((n + 2 * p - k + s) // s for n in shape[1:])
        weights = maps * (shape[0] // g) * k**2
        return [maps, rows, columns], weights + maps, weights * rows * columns
    if kind == "pool":
        _, k, s = layer
        return [shape[0], (shape[1] - k + s) // s, (shape[2] - k + s) // s], 0, 0
    if kind == "linear":
        return [layer[1]], layer[1] * shape[0] + layer[1], layer[1] * shape[0]
    total = 1
    for n in shape:
        total *= n
    return ([total] if kind == "flatten" else list(shape)), 0, 0


def _column(layers, shape, which):
    found = []
    for layer in layers:
        row = _one(layer, shape)
        shape = row[0]
        found.append(row[which])
    return found


def shapes(layers, shape):
    return _column(layers, shape, 0)


def parameters(layers, shape):
    return torch.tensor(_column(layers, shape, 1))


def multiply_adds(layers, shape):
    return tuple(float(n) for n in _column(layers, shape, 2))


# %% wrong account: shapes round up
# thinks: a window that sticks out counts
# says: rounds up
def shapes(layers, shape):
    found = []
    for kind, *n in layers:
        if kind in ("conv", "pool"):
            k, s, p = n[1:4] if kind == "conv" else (*n, 0)
            sizes = [-((k - m - 2 * p) // s) + 1 for m in shape[1:]]
            shape = (n[0] if kind == "conv" else shape[0], *sizes)
        elif kind == "flatten":
            shape = (shape[0] * shape[1] * shape[2],)
        elif kind == "linear":
            shape = (n[0],)
        found.append(shape)
    return found


# %% wrong account: pooling divides by its window
# thinks: pooling of 3 makes a map three times smaller
# says: divides by the window of the pooling
def shapes(layers, shape):
    found = []
    for kind, *n in layers:
        if kind == "conv":
            shape = (n[0], *((m + 2 * n[3] - n[1]) // n[2] + 1 for m in shape[1:]))
        elif kind == "pool":
            shape = (shape[0], shape[1] // n[0], shape[2] // n[0])
        elif kind == "flatten":
            shape = (shape[0] * shape[1] * shape[2],)
        elif kind == "linear":
            shape = (n[0],)
        found.append(shape)
    return found


# %% wrong account: padding at one side
# thinks: padding p adds p rows
# says: pads one side
def shapes(layers, shape):
    found = []
    for kind, *n in layers:
        if kind in ("conv", "pool"):
            k, s, p = n[1:4] if kind == "conv" else (*n, 0)
            shape = (n[0] if kind == "conv" else shape[0], *((m + p - k) // s + 1 for m in shape[1:]))
        elif kind == "flatten":
            shape = (shape[0] * shape[1] * shape[2],)
        elif kind == "linear":
            shape = (n[0],)
        found.append(shape)
    return found


# %% wrong account: the stack starts at the picture each time
# thinks: the shape is that of the picture
# says: not right in a stack
# hidden says: not right for a network
def parameters(layers, shape):
    counts = []
    for kind, *n in layers:
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * shape[0] // n[4] + 1))
        elif kind == "linear":
            counts.append(n[0] * (shape[0] * shape[1] * shape[2] + 1))
        else:
            counts.append(0)
    return counts


# %% wrong account: no biases
# thinks: parameters are weights
# says: forgets the biases
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * below[0] // n[4]))
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: linear layers without biases
# thinks: only convolutions have biases
# says: forgets the biases of the linear layer
# hidden says: forgets the biases of linear layers
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * below[0] // n[4] + 1))
        else:
            counts.append(n[0] * below[0] if kind == "linear" else 0)
    return counts


# %% wrong account: groups ignored in the parameters
# thinks: groups change what is connected, not how much
# says: parameters ignores the groups
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * below[0] + 1))
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: the groups divide the biases too
# thinks: everything of the layer is shared out
# says: divides the biases by the groups too
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * below[0] + 1) // n[4])
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: flat kernels
# thinks: a kernel of 3 x 3 has nine weights
# says: as deep as the maps below
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 + 1))
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: one bias a layer
# thinks: a layer has one bias
# says: one bias for the layer
def parameters(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * n[1] ** 2 * below[0] // n[4] + 1)
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: every weight used once
# thinks: a layer multiplies once by each weight
# says: counts each weight once
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * n[1] ** 2 * below[0] // n[4])
        else:
            counts.append(n[0] * below[0] if kind == "linear" else 0)
    return counts


# %% wrong account: places of the map below
# thinks: the kernel is laid on every pixel
# says: takes the places of the map below
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            counts.append(n[0] * n[1] ** 2 * below[0] // n[4] * below[1] * below[2])
        else:
            counts.append(n[0] * below[0] if kind == "linear" else 0)
    return counts


# %% wrong account: biases among the products
# thinks: multiply-adds are parameters times places
# says: counts the biases
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape)):
        if kind == "conv":
            counts.append(n[0] * (n[1] ** 2 * below[0] // n[4] + 1) * above[1] * above[2])
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: biases among the products of linear layers
# thinks: the bias of a unit is one more product
# says: counts the biases
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape)):
        if kind == "conv":
            counts.append(n[0] * n[1] ** 2 * below[0] // n[4] * above[1] * above[2])
        else:
            counts.append(n[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts


# %% wrong account: two operations a product
# thinks: a multiplication and an addition are two
# says: counts multiplications and additions apart
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape)):
        if kind == "conv":
            counts.append(2 * n[0] * n[1] ** 2 * below[0] // n[4] * above[1] * above[2])
        else:
            counts.append(2 * n[0] * below[0] if kind == "linear" else 0)
    return counts


# %% wrong account: groups ignored in the products
# thinks: groups save parameters, not time
# says: multiply_adds ignores the groups
def multiply_adds(layers, shape):
    counts = []
    for (kind, *n), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape)):
        if kind == "conv":
            counts.append(n[0] * n[1] ** 2 * below[0] * above[1] * above[2])
        else:
            counts.append(n[0] * below[0] if kind == "linear" else 0)
    return counts


# %% wrong account: sums in place of lists
# thinks: what counts is the whole network
# says: should be a list
# hidden says: is no list
def multiply_adds(layers, shape):
    return sum(
        n[0] * n[1] ** 2 * below[0] // n[4] * above[1] * above[2] if kind == "conv" else 0
        for (kind, *n), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape))
    )


# %% right field: rows followed down
def _reach(layers, unit):
    first = last = unit
    for kind, *n in layers[::-1]:
        if kind != "relu":
            k, s, p = n[1:4] if kind == "conv" else (n[0], n[1], 0)
            first, last = first * s - p, last * s - p + k - 1
    return first, last


def fields(layers):
    found = []
    for count in range(1, len(layers) + 1):
        first, last = _reach(layers[:count], 0)
        found.append([last - first + 1, _reach(layers[:count], 1)[0] - first, (first + last) / 2])
    return found


def rows_seen(layers, height, i):
    first, last = _reach(layers, i)
    return [max(first, 0), min(last, height - 1)]


# %% right field: recursion, numbers of torch, floats
def fields(layers):
    if not layers:
        return []
    below = fields(layers[:-1])
    size, stride, centre = below[-1] if below else torch.tensor([1.0, 1.0, 0.0])
    kind, *n = layers[-1]
    k, s, p = (1, 1, 0) if kind == "relu" else n[1:4] if kind == "conv" else [*n, 0]
    return [*below, torch.stack([size + k * stride - stride, stride * s, centre + (k - 1 - 2 * p) * stride / 2])]


def rows_seen(layers, height, i):
    size, stride, centre = fields(layers)[-1] if layers else (1, 1, 0)
    rows = [r for r in range(height) if abs(r - centre - i * stride) <= (size - 1) / 2]
    return float(rows[0]), float(rows[-1])


# %% wrong field: k in place of k - 1
# thinks: each layer adds its window
# says: it adds k - 1
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += k * jump if kind != "relu" else 0
        jump *= s
        found.append((size, jump, centre))
    return found


# %% wrong field: own stride first
# thinks: the order of the formulas does not matter
# says: J changes last
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        jump *= s
        centre += ((k - 1) / 2 - p) * jump
        size += (k - 1) * jump
        found.append((size, jump, centre))
    return found


# %% wrong field: pooling sees nothing
# thinks: only convolutions look
# says: leaves out the pooling
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        if kind == "conv":
            centre += ((n[1] - 1) / 2 - n[3]) * jump
            size += (n[1] - 1) * jump
            jump *= n[2]
        found.append((size, jump, centre))
    return found


# %% wrong field: strides add
# thinks: two strides of 2 are a stride of 3
# says: they multiply
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += (k - 1) * jump
        jump += s - 1
        found.append((size, jump, centre))
    return found


# %% wrong field: no padding in the centre
# thinks: padding does not change where a unit looks
# says: the centre forgets the padding
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, _ = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += (k - 1) / 2 * jump
        size += (k - 1) * jump
        jump *= s
        found.append((size, jump, centre))
    return found


# %% wrong field: whole pixels in the centre
# thinks: a centre is a pixel
# says: lies between two pixels
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) // 2 - p) * jump
        size += (k - 1) * jump
        jump *= s
        found.append((size, jump, centre))
    return found


# %% wrong field: strides do not widen the window
# thinks: a field is the sum of the windows
# says: ignores strides in the size
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += k - 1
        jump *= s
        found.append((size, jump, centre))
    return found


# %% wrong field: the centre stays in the picture
# thinks: a unit looks at the picture
# says: the centre stops at the border
def fields(layers):
    size, jump, centre, found = 1, 1, 0, []
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += (k - 1) * jump
        jump *= s
        found.append((size, jump, max(0, centre)))
    return found


# %% wrong field: padding widens the field
# thinks: padding is seen as well
# says: counts padding in the size
def fields(layers):
    size, jump, centre, found, padded = 1, 1, 0, [], 0
    for kind, *n in layers:
        k, s, p = {"conv": n[1:4], "pool": [*n, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += (k - 1) * jump
        padded += 2 * p
        jump *= s
        found.append((size + padded, jump, centre))
    return found


# %% wrong field: rows of the padding
# thinks: the window is what it sees
# says: counts rows of padding
def rows_seen(layers, height, i):
    size, jump, centre = [(1, 1, 0), *fields(layers)][-1]
    return int(centre + i * jump - (size - 1) / 2), int(centre + i * jump + (size - 1) / 2)


# %% wrong field: rows as a slice
# thinks: the end of a range is one after the last
# says: the row after the last
def rows_seen(layers, height, i):
    size, jump, centre = [(1, 1, 0), *fields(layers)][-1]
    first = int(centre + i * jump - (size - 1) / 2)
    return max(first, 0), min(first + size, height)


# %% wrong field: row 0 always
# thinks: the centre is that of every unit
# says: row 0 for every i
def rows_seen(layers, height, i):
    size, _, centre = [(1, 1, 0), *fields(layers)][-1]
    first = int((centre if layers else i) - (size - 1) / 2)
    return max(0, first), min(height - 1, first + size - 1)


# %% wrong field: neighbours one pixel apart
# thinks: row i looks i pixels further
# says: neighbours look J pixels apart
# hidden says: not right in the middle
def rows_seen(layers, height, i):
    size, _, centre = [(1, 1, 0), *fields(layers)][-1]
    first = int(centre + i - (size - 1) / 2)
    return max(0, first), min(height - 1, first + size - 1)


# %% right residual: a sequence of calls, Jacobian by torch.func
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, (3, 3), stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, (3, 3), 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out_channels), nn.BatchNorm2d(out_channels)
        with torch.no_grad():
            self.bn2.weight.zero_()
        self.project = self.project_bn = None
        if (in_channels, stride) != (out_channels, 1):
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        h = x
        if self.project is not None:
            h = self.project_bn(self.project(x))
        h = h + self.bn2(self.conv2(self.bn1(self.conv1(x)).clamp(min=0)))
        return h.clamp(min=0)


def jacobian(network, x):
    found = torch.func.jacrev(lambda picture: network(picture[None])[0])(x)
    return found.reshape(-1, x.numel())


# %% right residual: an identity module, Jacobian by torch.autograd.functional
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding="same", bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.bn2.weight.data.fill_(0)
        if stride > 1 or in_channels != out_channels:
            self.project = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)
        else:
            self.project = self.project_bn = nn.Identity()

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.project_bn(self.project(x))
        return self.relu(out)


def jacobian(network, x):
    table = torch.autograd.functional.jacobian(network, x.unsqueeze(0))
    return table.reshape(-1, x.numel()).numpy()


# %% right residual: Jacobian by backward, row by row
def jacobian(network, x):
    rows = []
    count = network(x[None]).numel()
    for a in range(count):
        picture = x.clone()[None].requires_grad_(True)
        network(picture).reshape(-1)[a].backward()
        rows.append(picture.grad.reshape(-1).tolist())
    return rows


# %% wrong residual: no shortcut
# thinks: two convolutions are a block
# says: shortcut
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


# %% wrong residual: no last ReLU
# thinks: after the sum comes nothing, as in pre-activation
# says: last step is a ReLU
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return z + (x if self.same else self.project_bn(self.project(x)))


# %% wrong residual: ReLU before the sum
# thinks: each convolution has its ReLU, then one adds
# says: last step is a ReLU, after the sum
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return z + (x if self.same else self.project_bn(self.project(x)))


# %% wrong residual: three ReLUs
# thinks: after every batch normalisation comes a ReLU
# says: none between bn2 and the sum
# hidden says: a ReLU after bn2 too
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(z + (x if self.same else self.project_bn(self.project(x))))


# %% wrong residual: no ReLU inside
# thinks: the ReLU after the sum is enough
# says: no ReLU between bn1 and conv2
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return F.relu(z + (x if self.same else self.project_bn(self.project(x))))


# %% wrong residual: ReLU before the normalisation
# thinks: convolution, ReLU, normalisation
# says: applies the ReLU before bn1
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x)))))
        return F.relu(z + (x if self.same else self.project_bn(self.project(x))))


# %% wrong residual: projection everywhere
# thinks: every block has a projection
# says: a projection where none is needed
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        self.same = False
        self.project = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
        self.project_bn = nn.BatchNorm2d(out_channels)


# %% wrong residual: projection only where the stride is not one
# thinks: only the stride changes the shape
# says: has no `project`
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        if stride == 1 and in_channels != out_channels:
            del self.project, self.project_bn


# %% wrong residual: convolutions with biases
# thinks: a convolution has a bias
# says: have no bias
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)


# %% wrong residual: projection without normalisation
# thinks: a projection is just a convolution
# says: project_bn
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        if not self.same:
            self.project_bn = nn.Identity()


# %% wrong residual: normalisation of the projection unused
# thinks: making a layer is using it
# says: does not use project_bn
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(z + (x if self.same else self.project(x)))


# %% wrong residual: ReLU on the projection
# thinks: a projection is a layer like others
# says: ReLU to the
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(z + (x if self.same else F.relu(self.project_bn(self.project(x)))))


# %% wrong residual: stride in the second convolution
# thinks: the block shrinks at its end
# says: stride in conv2
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        self.conv1.stride, self.conv2.stride = (1, 1), (stride, stride)


# %% wrong residual: an ordinary start
# thinks: batch normalisation starts at one
# says: bn2's weight
# hidden says: a fresh block
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        nn.init.ones_(self.bn2.weight)


# %% wrong residual: the other normalisation starts at zero
# thinks: some weight has to be zero
# says: bn1's weight
# hidden says: bn1's not at 1
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        nn.init.zeros_(self.bn1.weight)


# %% wrong residual: overwrites its input
# thinks: in place saves memory
# says: in place
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return x.add_(z).relu_() if self.same else F.relu(z + self.project_bn(self.project(x)))


# %% wrong residual: gradient of the sum
# thinks: backward on the sum gives all slopes
# says: gradient of the sum of all outputs
def jacobian(network, x):
    x = x.clone()[None].requires_grad_()
    out = network(x)
    return torch.autograd.grad(out.sum(), x)[0].flatten().repeat(out.numel(), 1)


# %% wrong residual: gradients pile up
# thinks: backward begins anew each time
# says: adds up gradients
def jacobian(network, x):
    x, rows = x.clone()[None].requires_grad_(), []
    for a in network(x).flatten():
        a.backward(retain_graph=True)
        rows.append(x.grad.flatten().clone())
    return torch.stack(rows)


# %% wrong residual: transposed
# thinks: rows are inputs
# says: one row for each output number
def jacobian(network, x):
    table = torch.autograd.functional.jacobian(network, x[None])
    return table.reshape(-1, x.numel()).T


# %% wrong residual: not flattened
# thinks: the shape of torch's answer will do
# says: flatten both pictures
# hidden says: should have shape
def jacobian(network, x):
    return torch.autograd.functional.jacobian(network, x[None])


# %% wrong residual: puts the network into evaluation mode
# thinks: one evaluates in evaluation mode
# says: changes the network's mode
def jacobian(network, x):
    network.eval()
    return torch.autograd.functional.jacobian(network, x[None]).reshape(-1, x.numel())


# %% wrong residual: without what is not linear
# thinks: the slopes are the weights
# says: jacobian
def jacobian(network, x):
    zero = torch.zeros_like(x)[None]
    return torch.autograd.functional.jacobian(network, zero).reshape(-1, x.numel())


# %% right repair: ModuleList by name, weights by hand, step by hand
class Net(nn.Module):
    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.layers = nn.ModuleList()
        for number in range(depth):
            layer = nn.Linear(width if number else inputs, width)
            with torch.no_grad():
                layer.weight.normal_(0, (2 / layer.in_features) ** 0.5)
                layer.bias.zero_()
            self.layers.append(layer)
        self.last = nn.Linear(width, classes)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).clamp(min=0)
        return self.last(x)


def train(net, x, y, lr, steps):
    losses = []
    for _ in range(steps):
        loss = -torch.log_softmax(net(x), dim=1)[torch.arange(len(y)), y].mean()
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(net.parameters(), gradients):
                parameter -= lr * gradient
        losses.append(loss.item())
    return torch.tensor(losses)


# %% right repair: Sequential, uniform weights, zeroed at the end
class Net(nn.Module):
    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(inputs if n == 0 else width, width) for n in range(depth)])
        self.last = nn.Linear(width, classes)
        for layer in self.layers:
            nn.init.kaiming_uniform_(layer.weight)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.last(x)


def train(net, x, y, lr, steps):
    losses = []
    net.zero_grad()
    for _ in range(steps):
        loss = nn.CrossEntropyLoss()(net(x), y)
        loss.backward()
        losses.append(loss.detach())
        for parameter in net.parameters():
            parameter.data.add_(parameter.grad, alpha=-lr)
        net.zero_grad()
    return [loss.item() for loss in losses]


# %% right repair: orthogonal weights
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.orthogonal_(layer.weight, gain=2**0.5)


# %% wrong repair: the list stays
# thinks: the first weights are all that is wrong
# says: hides its layers
class Net(nn.Module):
    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.layers = [nn.Linear(width if n else inputs, width) for n in range(depth)]
        self.last = nn.Linear(width, classes)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.last(x)


# %% wrong repair: the softmax stays
# thinks: a classifier returns probabilities
# says: returns probabilities
class Net(Net):
    def forward(self, x):
        return torch.softmax(super().forward(x), dim=1)


# %% wrong repair: logarithms of probabilities
# thinks: cross-entropy wants logarithms
# says: logarithms of probabilities
class Net(Net):
    def forward(self, x):
        return torch.log_softmax(super().forward(x), dim=1)


# %% wrong repair: the first weights stay
# thinks: weights should start small
# says: shrinks
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=0.01)


# %% wrong repair: the weights of torch
# thinks: the default is made for this
# says: shrinks
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            layer.reset_parameters()


# %% wrong repair: Glorot's weights
# thinks: variance one over the number of inputs, as for the tanh
# says: shrinks
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight)


# %% wrong repair: weights of size one
# thinks: large weights carry the signal
# says: grows
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.normal_(layer.weight)


# %% wrong repair: a fixed size of the weights
# thinks: ten times as large will do
# says: of a fresh Net
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=0.1)


# %% wrong repair: batch normalisation on top
# thinks: normalisation makes weights unimportant
# says: other parameters
# hidden says: has not the parameters
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(depth))

    def forward(self, x):
        for layer, norm in zip(self.layers, self.norms):
            x = torch.relu(norm(layer(x)))
        return self.last(x)


# %% wrong repair: no ReLU after the last hidden layer
# thinks: before the logits nothing is cut
# says: no ReLU after its last hidden layer
class Net(Net):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.last(self.layers[-1](x))


# %% wrong repair: no ReLUs
# thinks: the ReLU kills the signal
# says: no ReLUs
class Net(Net):
    def forward(self, x):
        return self.last(nn.Sequential(*self.layers)(x))


# %% wrong repair: ReLU on the logits
# thinks: every layer has a ReLU
# says: ReLU to the logits
class Net(Net):
    def forward(self, x):
        return torch.relu(super().forward(x))


# %% wrong repair: one layer too few
# thinks: depth counts the last layer
# says: has no parameter layers.2.weight
# hidden says: has not the parameters
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth - 1, classes)


# %% wrong repair: gradients pile up
# thinks: backward begins anew each time
# says: adds each step's gradient
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: zeroed between backward and step
# thinks: zero_grad may stand anywhere
# says: changes nothing
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.zero_grad()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: zeroed once
# thinks: zeroing at the start is enough
# says: adds each step's gradient
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    optimiser.zero_grad()
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: no step
# thinks: backward changes the weights
# says: changes nothing
def train(net, x, y, lr, steps):
    losses = []
    for _ in range(steps):
        net.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        losses.append(loss.item())
    return losses


# %% wrong repair: the loss after the step
# thinks: what counts is the loss that was reached
# says: the loss after each step
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimiser.step()
        losses.append(F.cross_entropy(net(x), y).item())
    return losses


# %% wrong repair: trains a copy
# thinks: functions never change what they are given
# says: leaves the weights
def train(net, x, y, lr, steps):
    import copy

    net = copy.deepcopy(net)
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: momentum
# thinks: momentum is always better
# says: uses momentum
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: another rule
# thinks: Adam repairs everything
# says: not plain gradient descent
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: the step size of the house
# thinks: 0.1 is a good step size
# says: does not use lr
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: the sum of the losses
# thinks: mean or sum is a matter of taste
# says: the mean
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y, reduction="sum")
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: the gradient is cut to length one
# thinks: clipping is always safe
# says: not plain gradient descent
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong repair: biases carry the signal
# thinks: the size of the numbers is all that matters
# says: all inputs look alike
class Net(Net):
    def __init__(self, inputs, width, depth, classes):
        super().__init__(inputs, width, depth, classes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.ones_(layer.bias)


# %% wrong repair: detaches between layers
# thinks: each layer learns for itself
# says: no gradient reaches
# hidden says: no gradient reaches
class Net(Net):
    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x)).detach()
        return self.last(x)


# %% right repair: losses as tensors
def train(net, x, y, lr, steps):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        net.zero_grad()
        losses.append(nn.CrossEntropyLoss()(net(x), y))
        losses[-1].backward()
        optimiser.step()
    return losses


# %% wrong residual: cuts the shortcut
# thinks: the shortcut is a constant to the branch
# says: the Jacobian of a fresh block
# hidden says: no gradient passes the shortcut
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(z + (x.detach() if self.same else self.project_bn(self.project(x))))


# %% wrong residual: cuts the branch
# thinks: at the start the branch adds nothing, so it needs no gradient
# says: no gradient reaches
class ResidualBlock(ResidualBlock):
    def forward(self, x):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))).detach()
        return F.relu(z + (x if self.same else self.project_bn(self.project(x))))


# %% wrong residual: every last normalisation starts at zero
# thinks: a fresh block gives nothing at all
# says: project_bn's weight does not start at 1
class ResidualBlock(ResidualBlock):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__(in_channels, out_channels, stride)
        if not self.same:
            nn.init.zeros_(self.project_bn.weight)


# %% wrong residual: never in training mode
# thinks: batch normalisation has its numbers from the start
# says: in training mode
# hidden says: ResidualBlock is not right
class ResidualBlock(ResidualBlock):
    def train(self, mode=True):
        return super().train(False)


# %% wrong lenet: positive coefficients
# thinks: a coefficient is a size
# says: Subsampling is not right
class Subsampling(Subsampling):
    def forward(self, x):
        total = 4 * F.avg_pool2d(x, 2)
        return self.coefficient[:, None, None].abs() * total + self.bias[:, None, None]


# %% wrong lenet: subtracts the mean in place
# thinks: pictures are centred first
# says: in place
# hidden says: in place
class LeNet(LeNet):
    def forward(self, x):
        x -= x.mean()
        return super().forward(x)


# %% wrong account: the shapes of squares
# thinks: pictures are square
# says: takes pictures for squares
# hidden says: shapes is not right
def shapes(layers, shape):
    found = []
    for kind, *n in layers:
        if kind in ("conv", "pool"):
            k, s, p = n[1:4] if kind == "conv" else (*n, 0)
            size = (shape[1] + 2 * p - k) // s + 1
            shape = (n[0] if kind == "conv" else shape[0], size, size)
        elif kind == "flatten":
            shape = (shape[0] * shape[1] * shape[2],)
        elif kind == "linear":
            shape = (n[0],)
        found.append(shape)
    return found


# %% wrong field: the window grows where it is cut
# thinks: the window always has R rows
# says: sees rows 0 to 1 of 6
# hidden says: not right at the border
def rows_seen(layers, height, i):
    size, jump, centre = [(1, 1, 0), *fields(layers)][-1]
    first = max(0, int(centre + i * jump - (size - 1) / 2))
    return first, min(height - 1, first + size - 1)
