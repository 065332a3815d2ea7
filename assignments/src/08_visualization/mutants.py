"""Wrong and right solutions of assignment 8 (see course_utils.grading.mutants): what the tests are tested with."""

import copy

import torch
from torch import nn


# %% right saliency: backward on a copy of the network
def input_gradient(network, x, classes):
    network = copy.deepcopy(network).eval()
    x = torch.tensor(x.tolist(), requires_grad=True)
    total = 0
    for scores, c in zip(network(x), classes):
        total = total + scores[c]
    total.backward()
    return x.grad


def saliency_map(network, x, classes):
    g = input_gradient(network, x, classes)
    return torch.maximum(g, -g).max(dim=1).values


# %% right saliency: picture by picture, a mask of ones on the scores
def input_gradient(network, x, classes):
    was, found = network.training, []
    network.train(False)
    for picture, c in zip(x, classes):
        z = picture[None].clone().requires_grad_(True)
        s = network(z)
        s_c = (s * nn.functional.one_hot(c, s.shape[1])).sum()
        found.append(torch.autograd.grad(s_c, [z])[0])
    network.train(was)
    return torch.cat(found)


def saliency_map(network, x, classes):
    return torch.linalg.vector_norm(input_gradient(network, x, classes), ord=float("inf"), dim=1)


# %% wrong saliency: the probability
# thinks: what the network says is a probability
# says: that of the probability
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    p = network(x).softmax(dim=1).gather(1, classes[:, None])
    network.train(mode)
    return torch.autograd.grad(p.sum(), x)[0]


# %% wrong saliency: the loss
# thinks: gradients are gradients of the loss
# says: that of the loss
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    loss = nn.functional.cross_entropy(network(x), classes)
    network.train(mode)
    return torch.autograd.grad(loss, x)[0]


# %% wrong saliency: the logarithm of the probability
# thinks: the logarithm undoes the softmax
# says: logarithm of the probability
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    p = network(x).log_softmax(dim=1).gather(1, classes[:, None])
    network.train(mode)
    return torch.autograd.grad(p.sum(), x)[0]


# %% wrong saliency: the mean over the batch
# thinks: one takes the mean of a batch
# says: divided by the number of pictures
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    s = network(x).gather(1, classes[:, None])
    network.train(mode)
    return torch.autograd.grad(s.mean(), x)[0]


# %% wrong saliency: the preferred class
# thinks: one explains what the network says
# says: class with the largest score
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    s = network(x).amax(dim=1)
    network.train(mode)
    return torch.autograd.grad(s.sum(), x)[0]


# %% wrong saliency: all scores
# thinks: backward needs one number, so add the scores up
# says: sum of all classes
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    s = network(x).sum()
    network.train(mode)
    return torch.autograd.grad(s, x)[0]


# %% wrong saliency: columns in place of pairs
# thinks: scores[:, classes] picks one score for each picture
# says: every class of `classes`
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    s = network(x)[:, classes].sum()
    network.train(mode)
    return torch.autograd.grad(s, x)[0]


# %% wrong saliency: training mode
# thinks: the mode matters for training only
# says: training mode
def input_gradient(network, x, classes):
    x = x.detach().clone().requires_grad_()
    s = network(x).gather(1, classes[:, None])
    return torch.autograd.grad(s.sum(), x)[0]


# %% wrong saliency: leaves evaluation mode on
# thinks: evaluation mode does no harm
# says: mode
def input_gradient(network, x, classes):
    network.eval()
    x = x.detach().clone().requires_grad_()
    s = network(x).gather(1, classes[:, None])
    return torch.autograd.grad(s.sum(), x)[0]


# %% wrong saliency: gradients stay at the weights
# thinks: backward fills x.grad, and that is all
# says: leaves gradients at the weights
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    network(x).gather(1, classes[:, None]).sum().backward()
    network.train(mode)
    return x.grad


# %% wrong saliency: marks the caller's picture
# thinks: requires_grad_ is harmless
# says: one that collects gradients
def input_gradient(network, x, classes):
    mode = network.training
    network.eval()
    x.requires_grad_()
    s = network(x).gather(1, classes[:, None])
    network.train(mode)
    return torch.autograd.grad(s.sum(), x)[0]


# %% wrong saliency: freezes the weights
# thinks: weights need no gradient here, so switch it off
# says: can no longer be trained
def input_gradient(network, x, classes):
    mode = network.training
    network.eval().requires_grad_(False)
    x = x.detach().clone().requires_grad_()
    s = network(x).gather(1, classes[:, None])
    network.train(mode)
    return torch.autograd.grad(s.sum(), x)[0]


# %% wrong saliency: gradient times picture
# thinks: a pixel that is zero cannot matter
# says: multiplied by the picture
_input_gradient = input_gradient


def input_gradient(network, x, classes):
    return _input_gradient(network, x, classes) * x


def saliency_map(network, x, classes):
    return _input_gradient(network, x, classes).abs().amax(dim=1)


# %% wrong saliency: maximum before absolute values
# thinks: the order does not matter
# says: after the maximum
def saliency_map(network, x, classes):
    return input_gradient(network, x, classes).amax(dim=1).abs()


# %% wrong saliency: the largest slope with its sign
# thinks: only what speaks for the class counts
# says: takes the largest value of the channels
def saliency_map(network, x, classes):
    return input_gradient(network, x, classes).amax(dim=1)


# %% wrong saliency: sum of the channels
# thinks: one adds channels up to get grey
# says: adds the channels up
def saliency_map(network, x, classes):
    return input_gradient(network, x, classes).abs().sum(dim=1)


# %% wrong saliency: scaled for the eye
# thinks: a map goes from 0 to 1
# says: scaled to 1
def saliency_map(network, x, classes):
    m = input_gradient(network, x, classes).abs().amax(dim=1)
    return m / m.amax(dim=(1, 2), keepdim=True)


# %% right occlusion: all copies of all pictures in one batch, by masks
def occlusion(network, x, classes, patch, stride, fill):
    was = network.training
    network.eval()
    n, _, h, w = x.shape
    rows, columns = -(-(h - patch) // stride) + 1, -(-(w - patch) // stride) + 1
    r = torch.arange(h)[None] - stride * torch.arange(rows)[:, None]
    c = torch.arange(w)[None] - stride * torch.arange(columns)[:, None]
    down, across = (r >= 0) & (r < patch), (c >= 0) & (c < patch)
    masks = (down[:, None, :, None] & across[None, :, None, :]).reshape(rows * columns, 1, h, w)
    copies = torch.where(masks[None], torch.tensor(float(fill)), x[:, None])
    with torch.no_grad():
        s = network(torch.cat([x, copies.flatten(0, 1)]))
    network.train(was)
    own = s[:n].gather(1, classes[:, None])
    after = s[n:].gather(1, classes.repeat_interleave(rows * columns)[:, None]).reshape(n, -1)
    return (own - after).reshape(n, rows, columns)


# %% right occlusion: a list of copies, the whole picture among them
def occlusion(network, x, classes, patch, stride, fill):
    quiet, maps = copy.deepcopy(network).eval(), []
    for picture, c in zip(x, classes.tolist()):
        copies, starts, top = [picture], 0, 0
        while True:
            left, starts = 0, starts + 1
            while True:
                z = picture.clone()
                z[:, top : top + patch, left : left + patch] = fill
                copies.append(z)
                if left + patch >= picture.shape[2]:
                    break
                left += stride
            if top + patch >= picture.shape[1]:
                break
            top += stride
        s = quiet(torch.stack(copies)).detach()[:, c]
        maps.append((s[0] - s[1:]).view(starts, -1))
    return torch.stack(maps)


# %% wrong occlusion: covered minus whole
# thinks: what changes is after minus before
# says: wrong sign
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    return -_occlusion(network, x, classes, patch, stride, fill)


# %% wrong occlusion: the covered scores
# thinks: the map shows the score at each place
# says: covered scores
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    mode = network.training
    with torch.no_grad():
        s = network.eval()(x).gather(1, classes[:, None])
    network.train(mode)
    return s[:, :, None] - _occlusion(network, x, classes, patch, stride, fill)


# %% wrong occlusion: the probability
# thinks: what falls is the probability
# says: probability
class _Soft(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).softmax(dim=1)


_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    mode = network.training
    found = _occlusion(_Soft(network), x, classes, patch, stride, fill)
    network.train(mode)
    return found


# %% wrong occlusion: black patches
# thinks: covering means zero
# says: fills the patch with 0
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    return _occlusion(network, x, classes, patch, stride, 0.0)


# %% wrong occlusion: stops before the border
# thinks: places are counted as for a convolution
# says: before the border
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    rows, columns = ((n - patch) // stride + 1 for n in x.shape[2:])
    return _occlusion(network, x, classes, patch, stride, fill)[:, :rows, :columns]


# %% wrong occlusion: moves the last patch back
# thinks: a patch has to lie in the picture
# says: moves the last patch back
def occlusion(network, x, classes, patch, stride, fill):
    tops, lefts = ([min(t, n - patch) for t in range(0, n - patch + stride, stride)] for n in x.shape[2:])
    mode = network.training
    network.eval()
    with torch.no_grad():
        own, found = network(x), []
        for picture, c, s in zip(x, classes, own):
            copies = []
            for top in tops:
                for left in lefts:
                    z = picture.clone()
                    z[:, top : top + patch, left : left + patch] = fill
                    copies.append(z)
            found.append((s[c] - network(torch.stack(copies))[:, c]).view(len(tops), len(lefts)))
    network.train(mode)
    return torch.stack(found)


# %% wrong occlusion: the patch around the place
# thinks: a place is the middle of the patch
# says: middle at the place
def occlusion(network, x, classes, patch, stride, fill):
    tops, lefts = (range(0, n - patch + stride, stride) for n in x.shape[2:])
    mode, half = network.training, patch // 2
    network.eval()
    with torch.no_grad():
        own, found = network(x), []
        for picture, c, s in zip(x, classes, own):
            copies = []
            for top in tops:
                for left in lefts:
                    z = picture.clone()
                    z[:, max(top - half, 0) : top - half + patch, max(left - half, 0) : left - half + patch] = fill
                    copies.append(z)
            found.append((s[c] - network(torch.stack(copies))[:, c]).view(len(tops), len(lefts)))
    network.train(mode)
    return torch.stack(found)


# %% wrong occlusion: one copy at a time
# thinks: a loop is a loop
# says: times for 2 pictures
# hidden says: too often
def occlusion(network, x, classes, patch, stride, fill):
    tops, lefts = (range(0, n - patch + stride, stride) for n in x.shape[2:])
    mode = network.training
    network.eval()
    found = torch.zeros(len(x), len(tops), len(lefts))
    with torch.no_grad():
        for n in range(len(x)):
            whole = network(x[n : n + 1])[0, classes[n]]
            for i, top in enumerate(tops):
                for j, left in enumerate(lefts):
                    z = x[n : n + 1].clone()
                    z[..., top : top + patch, left : left + patch] = fill
                    found[n, i, j] = whole - network(z)[0, classes[n]]
    network.train(mode)
    return found


# %% wrong occlusion: one class for all
# thinks: a batch is about one class
# says: one class in all pictures
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    return _occlusion(network, x, classes[:1].expand(len(x)), patch, stride, fill)


# %% wrong occlusion: only losses
# thinks: a drop below zero is noise
# says: lost its negative values
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    return _occlusion(network, x, classes, patch, stride, fill).clamp(min=0)


# %% wrong occlusion: training mode
# thinks: nothing is trained, so the mode does not matter
# says: training mode
def occlusion(network, x, classes, patch, stride, fill):
    tops, lefts = (range(0, n - patch + stride, stride) for n in x.shape[2:])
    with torch.no_grad():
        own, found = network(x), []
        for picture, c, s in zip(x, classes, own):
            copies = []
            for top in tops:
                for left in lefts:
                    z = picture.clone()
                    z[:, top : top + patch, left : left + patch] = fill
                    copies.append(z)
            found.append((s[c] - network(torch.stack(copies))[:, c]).view(len(tops), len(lefts)))
    return torch.stack(found)


# %% wrong occlusion: paints into the caller's picture
# thinks: the picture is put back at the end
# says: argument number
# hidden says: caller's picture
_occlusion = occlusion


def occlusion(network, x, classes, patch, stride, fill):
    found = _occlusion(network, x, classes, patch, stride, fill)
    x[:, :, :patch, :patch] = fill
    return found


# %% right rules: a copy with other ReLUs in it
class _Rule(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, rule):
        ctx.save_for_backward(a)
        ctx.rule = rule
        return a.clamp(min=0)

    @staticmethod
    def backward(ctx, r):
        return relu_backward(r, *ctx.saved_tensors, ctx.rule), None


class _Bent(nn.Module):
    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def forward(self, a):
        return _Rule.apply(a, self.rule)


def relu_backward(signal, a, rule):
    on = {"backprop": a > 0, "deconvnet": signal > 0, "guided": (a > 0) & (signal > 0)}[rule]
    return torch.where(on, signal, torch.zeros_like(signal))


def _replace(module, rule):
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, _Bent(rule))
        else:
            _replace(child, rule)


def rule_gradient(network, x, classes, rule):
    twin = copy.deepcopy(network).eval()
    _replace(twin, rule)
    z = x.clone().requires_grad_()
    return torch.autograd.grad(twin(z)[torch.arange(len(x)), classes].sum(), z)[0]


# %% right rules: hooks that clamp what backpropagation sends
def relu_backward(signal, a, rule):
    r = signal.clone()
    if rule in ("backprop", "guided"):
        r[a <= 0] = 0
    if rule in ("deconvnet", "guided"):
        r[r < 0] = 0
    return r


def rule_gradient(network, x, classes, rule):
    def hook(module, down, above):
        if rule == "backprop":
            return None
        return (torch.relu(above[0] if rule == "deconvnet" else down[0]),)

    modes, handles = [(m, m.training) for m in network.modules()], []
    try:
        network.eval()
        for m in network.modules():
            if type(m) is nn.ReLU:
                handles.append(m.register_full_backward_hook(hook))
        z = x.detach().clone()
        z.requires_grad = True
        s = network(z)
        (g,) = torch.autograd.grad(s, z, grad_outputs=nn.functional.one_hot(classes, s.shape[1]).to(s))
        return g
    finally:
        for h in handles:
            h.remove()
        for m, mode in modes:
            m.training = mode


# %% wrong rules: guided looks at the signal alone
# thinks: guided means only positive signals
# says: does what the rule "deconvnet" does
def relu_backward(signal, a, rule):
    return signal * (a > 0) if rule == "backprop" else signal.clamp(min=0)


# %% wrong rules: deconvnet and guided exchanged
# thinks: the deconvnet needs both gates
# says: does what the rule
_relu_backward = relu_backward


def relu_backward(signal, a, rule):
    return _relu_backward(signal, a, {"deconvnet": "guided", "guided": "deconvnet"}.get(rule, rule))


# %% wrong rules: zero counts as on
# thinks: at zero the unit is on
# says: exactly 0
def relu_backward(signal, a, rule):
    if rule != "deconvnet":
        signal = signal * (a >= 0)
    return signal if rule == "backprop" else signal.clamp(min=0)


# %% wrong rules: the size of the signal
# thinks: only sizes matter
# says: absolute value
_relu_backward = relu_backward


def relu_backward(signal, a, rule):
    return _relu_backward(signal.abs(), a, rule) if rule != "backprop" else signal * (a > 0)


# %% wrong rules: sends the activation down
# thinks: the deconvnet sends activations back
# says: sends the input down
_relu_backward = relu_backward


def relu_backward(signal, a, rule):
    return a * (signal > 0) if rule == "deconvnet" else _relu_backward(signal, a, rule)


# %% wrong rules: clamps the picture's gradient
# thinks: guided backpropagation keeps the positive part of the gradient
# says: picture's gradient
def rule_gradient(network, x, classes, rule):
    g = input_gradient(network, x, classes)
    return g if rule == "backprop" else g.clamp(min=0)


# %% wrong rules: only direct children
# thinks: all layers are in the list of the network
# says: one ReLU alone
def rule_gradient(network, x, classes, rule):
    def bend(module, down, above):
        return (above[0].clamp(min=0),) if rule == "deconvnet" else (down[0].clamp(min=0),)

    relus = [m for m in network.children() if isinstance(m, nn.ReLU) and rule != "backprop"]
    mode, hooks = network.training, [m.register_full_backward_hook(bend) for m in relus]
    try:
        return input_gradient(network, x, classes)
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()


# %% wrong rules: hooks stay
# thinks: a hook is gone when the function ends
# says: hooks
def rule_gradient(network, x, classes, rule):
    def bend(module, down, above):
        return (above[0].clamp(min=0),) if rule == "deconvnet" else (down[0].clamp(min=0),)

    if rule != "backprop":
        for m in network.modules():
            if isinstance(m, nn.ReLU):
                m.register_full_backward_hook(bend)
    return input_gradient(network, x, classes)


# %% wrong rules: hooks stay after an error
# thinks: remove at the end is enough
# says: finally
def rule_gradient(network, x, classes, rule):
    def bend(module, down, above):
        return (above[0].clamp(min=0),) if rule == "deconvnet" else (down[0].clamp(min=0),)

    relus = [m for m in network.modules() if isinstance(m, nn.ReLU)] if rule != "backprop" else []
    hooks = [m.register_full_backward_hook(bend) for m in relus]
    g = input_gradient(network, x, classes)
    for hook in hooks:
        hook.remove()
    return g


# %% wrong rules: mode stays after an error
# thinks: hooks are all there is to clear up
# says: mode
_careful = rule_gradient


def rule_gradient(network, x, classes, rule):
    before = network.training
    try:
        return _careful(network, x, classes, rule)
    except Exception:
        network.train(not before)
        raise


# %% wrong rules: replaces the network's ReLUs for good
# thinks: the network is mine now
# says: after rule_gradient
class _Passing(nn.Module):
    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def forward(self, a):
        out = a.clamp(min=0)
        if out.requires_grad:
            a.register_hook(lambda g: g)
            gate = (a > 0).float()
            fixed = out.detach() + (a - a.detach())
            fixed.register_hook(lambda r: relu_backward(r, gate, self.rule))
            return fixed
        return out


def rule_gradient(network, x, classes, rule):
    def swap(module):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | _Passing):
                setattr(module, name, _Passing(rule))
            else:
                swap(child)

    swap(network)
    return input_gradient(network, x, classes)


# %% wrong rules: signs lost at the picture
# thinks: a map shows sizes
# says: lost its signs
_signed = rule_gradient


def rule_gradient(network, x, classes, rule):
    return _signed(network, x, classes, rule).abs()


# %% right image: plain steps, as large as the curvature allows
def total_variation(x):
    total = x.new_zeros(len(x))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            if i:
                total = total + (x[:, :, i, j] - x[:, :, i - 1, j]).pow(2).sum(dim=1)
            if j:
                total = total + (x[:, :, i, j] - x[:, :, i, j - 1]).pow(2).sum(dim=1)
    return total


def _rough(x):
    down, right = nn.functional.pad(x.diff(dim=2), (0, 0, 1, 1)), nn.functional.pad(x.diff(dim=3), (1, 1))
    return -down.diff(dim=2) - right.diff(dim=3)


def class_image(network, target, start, decay, smooth):
    x, classes = start.clone(), torch.full((len(start),), target)
    rate = 0.4 / (2 * decay + 16 * smooth)
    for _ in range(400):
        g = input_gradient(network, x, classes)
        x = x + rate * (g - 2 * decay * x - 2 * smooth * _rough(x))
    return x


# %% right image: momentum, each start for itself
def total_variation(x):
    return torch.stack([(p[:, 1:] - p[:, :-1]).pow(2).sum() + (p[..., 1:] - p[..., :-1]).pow(2).sum() for p in x])


def class_image(network, target, start, decay, smooth):
    network, found = copy.deepcopy(network).eval(), []
    for one in start:
        x = one[None].clone().requires_grad_()
        climber = torch.optim.SGD([x], lr=0.3 / (2 * decay + 16 * smooth), momentum=0.9)
        for _ in range(150):
            climber.zero_grad()
            (decay * x.pow(2).sum() + smooth * total_variation(x)[0] - network(x)[0, target]).backward()
            climber.step()
        found.append(x.detach()[0])
    return torch.stack(found)


# %% wrong image: absolute differences
# thinks: total variation is the sum of absolute differences
# says: absolute values
def total_variation(x):
    return x.diff(dim=2).abs().sum(dim=(1, 2, 3)) + x.diff(dim=3).abs().sum(dim=(1, 2, 3))


# %% wrong image: the picture closes to a ring
# thinks: roll gives all neighbours
# says: last row and the first
def total_variation(x):
    return sum((x - x.roll(1, dims=d)).square().sum(dim=(1, 2, 3)) for d in (2, 3))


# %% wrong image: one number for the batch
# thinks: a sum is a number
# says: should return shape
# hidden says: should have shape
def total_variation(x):
    return x.diff(dim=2).square().sum() + x.diff(dim=3).square().sum()


# %% wrong image: means of the squares
# thinks: a mean is a sum, only smaller
# says: takes means
def total_variation(x):
    return x.diff(dim=2).square().mean(dim=(1, 2, 3)) + x.diff(dim=3).square().mean(dim=(1, 2, 3))


# %% wrong image: neighbours to the right alone
# thinks: a picture is a list of rows
# says: to the right alone
def total_variation(x):
    return x.diff(dim=3).square().sum(dim=(1, 2, 3))


def class_image(network, target, start, decay, smooth):
    x, classes = start.clone(), torch.full((len(start),), target)
    rate = 0.8 / (2 * decay + 16 * smooth)
    for _ in range(400):
        down, right = nn.functional.pad(x.diff(dim=2), (0, 0, 1, 1)), nn.functional.pad(x.diff(dim=3), (1, 1))
        rough = -down.diff(dim=2) - right.diff(dim=3)
        x = x + rate * (input_gradient(network, x, classes) - 2 * decay * x - 2 * smooth * rough)
    return x


# %% wrong image: no decay
# thinks: smoothness is regulariser enough
# says: too large
def class_image(network, target, start, decay, smooth):
    x, mode = start.clone().requires_grad_(), network.training
    network.eval()
    climber = torch.optim.SGD([x], lr=0.1)
    for _ in range(300):
        j = network(x)[:, target].sum() - smooth * total_variation(x).sum()
        (x.grad,) = torch.autograd.grad(-j, x)
        climber.step()
    network.train(mode)
    return x.detach()


# %% wrong image: no smoothness
# thinks: decay is regulariser enough
# says: too rough
_class_image = class_image


def class_image(network, target, start, decay, smooth):
    x, mode = start.clone().requires_grad_(), network.training
    network.eval()
    climber = torch.optim.SGD([x], lr=0.2)
    for _ in range(300):
        j = network(x)[:, target].sum() - (decay + 0.5 * smooth) * x.square().sum()
        (x.grad,) = torch.autograd.grad(-j, x)
        climber.step()
    network.train(mode)
    return x.detach()


# %% wrong image: the mean of the squares
# thinks: decay times the mean of the squares
# says: too large
def class_image(network, target, start, decay, smooth):
    x, mode = start.clone().requires_grad_(), network.training
    network.eval()
    climber = torch.optim.SGD([x], lr=0.1)
    for _ in range(200):
        j = network(x)[:, target] - decay * x.square().mean(dim=(1, 2, 3)) - smooth * total_variation(x)
        (x.grad,) = torch.autograd.grad(-j.sum(), x)
        climber.step()
    network.train(mode)
    return x.detach()


# %% wrong image: climbs down
# thinks: an optimiser climbs
# says: climbs down
def class_image(network, target, start, decay, smooth):
    x, classes = start.clone(), torch.full((len(start),), target)
    rate = 0.8 / (2 * decay + 16 * smooth)
    for _ in range(300):
        down, right = nn.functional.pad(x.diff(dim=2), (0, 0, 1, 1)), nn.functional.pad(x.diff(dim=3), (1, 1))
        rough = -down.diff(dim=2) - right.diff(dim=3)
        x = x - rate * (input_gradient(network, x, classes) + 2 * decay * x + 2 * smooth * rough)
    return x


# %% wrong image: too few steps
# thinks: a few steps show the class
# says: the start still decides
def class_image(network, target, start, decay, smooth):
    x, mode = start.clone().requires_grad_(), network.training
    network.eval()
    for _ in range(12):
        j = network(x)[:, target] - decay * x.square().sum(dim=(1, 2, 3)) - smooth * total_variation(x)
        (g,) = torch.autograd.grad(j.sum(), x)
        x = (x + 0.05 * g).detach().requires_grad_()
    network.train(mode)
    return x.detach()


# %% wrong image: always class 0
# thinks: one class is as good as another
# says: another class
_class_image = class_image


def class_image(network, target, start, decay, smooth):
    return _class_image(network, (target + 1) % network(start[:1]).shape[1], start, decay, smooth)


# %% wrong image: the start comes back
# thinks: x = x + g inside the loop changes what is returned
# says: the start as it was
def class_image(network, target, start, decay, smooth):
    return start.clone()


# %% wrong image: leaves the mode changed
# thinks: evaluation mode does no harm
# says: mode
_class_image = class_image


def class_image(network, target, start, decay, smooth):
    network.eval()
    return _class_image(network, target, start, decay, smooth)


# %% wrong image: climbs with the caller's start
# thinks: the start is not needed any more
# says: argument number
# hidden says: changes the start
_class_image = class_image


def class_image(network, target, start, decay, smooth):
    found = _class_image(network, target, start, decay, smooth)
    start.copy_(found)
    return found


# %% right score: loops over pictures, torch.normal
def share_inside(maps, masks):
    found = []
    for m, mask in zip(maps, masks):
        positive = torch.where(m > 0, m, 0.0)
        if positive.any():
            found.append(float(positive[mask].sum() / positive.sum()))
        else:
            found.append(mask.float().mean().item())
    return found


def pointing(maps, masks):
    found = []
    for m, mask in zip(maps, masks):
        where = torch.nonzero(m == m.max())
        found.append(sum(bool(mask[i, j]) for i, j in where.tolist()) / len(where))
    return torch.tensor(found)


def randomised(network, seed):
    twin = copy.deepcopy(network)
    g = torch.Generator()
    g.manual_seed(seed)
    for p in twin.parameters():
        p.data = torch.normal(p.data.mean().expand(p.shape), p.data.std(unbiased=False).expand(p.shape), generator=g)
    return twin


# %% right score: einsum, a state dict filled anew
def share_inside(maps, masks):
    plus, area = torch.relu(maps), masks.to(maps)
    whole = torch.einsum("nhw->n", plus)
    share = torch.einsum("nhw,nhw->n", plus, area) / whole
    return torch.where(whole == 0, area.mean(dim=(1, 2)), share)


def pointing(maps, masks):
    best = maps.amax(dim=(1, 2), keepdim=True).eq(maps).float()
    return (best * masks).sum(dim=(1, 2)) / best.sum(dim=(1, 2))


def randomised(network, seed):
    twin = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = {n: torch.randn_like(p) * p.std() + p.mean() for n, p in network.named_parameters()}
    twin.load_state_dict({**twin.state_dict(), **{n: p.detach() for n, p in fresh.items()}})
    return twin


# %% wrong score: nothing in an empty map
# thinks: an empty map has no share
# says: nothing positive
def share_inside(maps, masks):
    plus = maps.clamp(min=0)
    return (plus * masks).sum(dim=(1, 2)) / plus.sum(dim=(1, 2)).clamp(min=1e-9)


# %% wrong score: sizes in place of values
# thinks: negative evidence is evidence
# says: absolute values
_share_inside = share_inside


def share_inside(maps, masks):
    return _share_inside(maps.abs(), masks)


# %% wrong score: negative values count
# thinks: a share is a quotient of sums
# says: negative values count
def share_inside(maps, masks):
    total = maps.sum(dim=(1, 2))
    return torch.where(
        total != 0, (maps * masks).sum(dim=(1, 2)) / torch.where(total != 0, total, 1.0), masks.float().mean(dim=(1, 2))
    )


# %% wrong score: no division
# thinks: what lies on the mask is the score
# says: divide by the whole map
def share_inside(maps, masks):
    return (maps.clamp(min=0) * masks).sum(dim=(1, 2))


# %% wrong score: NaN for an empty map
# thinks: torch takes care of 0 / 0
# says: NaN
def share_inside(maps, masks):
    plus = maps.clamp(min=0)
    return (plus * masks).sum(dim=(1, 2)) / plus.sum(dim=(1, 2))


# %% wrong score: the first of the largest
# thinks: argmax finds the largest
# says: tie
def pointing(maps, masks):
    best = maps.flatten(1).argmax(dim=1, keepdim=True)
    return masks.flatten(1).gather(1, best)[:, 0].float()


# %% wrong score: any of the largest
# thinks: one hit is a hit
# says: tie
def pointing(maps, masks):
    tied = maps == maps.amax(dim=(1, 2), keepdim=True)
    return (tied & masks).any(dim=2).any(dim=1).float()


# %% wrong score: the largest size
# thinks: a strongly negative value points too
# says: largest absolute value
_pointing = pointing


def pointing(maps, masks):
    return _pointing(maps.abs(), masks)


# %% wrong score: standard normal numbers
# thinks: random weights are standard normal
# says: the mean of
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        p.data = torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: the spread of the numbers, not their mean
# thinks: weights have mean zero
# says: the mean of
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        p.data = p.data.std() * torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: forgets in place
# thinks: the network is not needed any more
# says: changes the network that it is given
def randomised(network, seed):
    g = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.data = p.data.mean() + p.data.std() * torch.randn(p.shape, generator=g)
    return network


# %% wrong score: the last layer alone
# thinks: classes are known in the last layer
# says: as it was
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in list(twin.parameters())[-2:]:
        p.data = p.data.mean() + p.data.std() * torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: biases stay
# thinks: what is learned is in the weights
# says: as it was
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        if p.ndim > 1:
            p.data = p.data.mean() + p.data.std() * torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: shuffled weights
# thinks: shuffling destroys as much
# says: shuffles
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        if p.numel() > 4:
            p.data = p.data.flatten()[torch.randperm(p.numel(), generator=g)].view(p.shape)
        else:
            p.data = p.data.mean() + p.data.std() * torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: noise on top
# thinks: a little noise makes it random
# says: adds noise
def randomised(network, seed):
    twin, g = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        p.data = p.data + 0.5 * p.data.std() * torch.randn(p.shape, generator=g)
    return twin


# %% wrong score: the seed is not used
# thinks: random is random
# says: two networks for one seed
def randomised(network, seed):
    twin = copy.deepcopy(network)
    for p in twin.parameters():
        p.data = p.data.mean() + p.data.std() * torch.randn(p.shape)
    return twin


# %% wrong score: one seed for all
# thinks: the seed is 0
# says: same network for two seeds
_randomised = randomised


def randomised(network, seed):
    return _randomised(network, 0)


# %% right detective: multiplication covers, drops alone decide
def cover(x, masks, fill):
    m = masks[:, None].to(x)
    return x * (1 - m) + fill * m


def evidence(network, x, y, masks, fill):
    quiet = copy.deepcopy(network).eval()
    right = [int((quiet(z).max(dim=1).indices == y).sum()) for z in (x, cover(x, masks, fill))]
    maps = saliency_map(network, x, y)
    gaps = [float(m[k].sum() / m.sum()) if m.any() else k.float().mean() for m, k in zip(maps, masks)]
    return torch.tensor([(right[0] - right[1]) / len(y), sum(gaps) / len(y) - masks.float().mean()])


def find_cheat(networks, x, y, masks, fill):
    return max((0, 1), key=lambda n: evidence(networks[n], x, y, masks, fill)[0])


# %% right detective: a loop covers, gaps alone decide
def cover(x, masks, fill):
    pictures = []
    for picture, mask in zip(x, masks):
        picture = picture.clone()
        picture[:, mask] = fill
        pictures.append(picture)
    return torch.stack(pictures)


def find_cheat(networks, x, y, masks, fill):
    (_, a), (_, b) = (evidence(network, x, y, masks, fill) for network in networks)
    return torch.tensor(0 if a > b else 1)


# %% wrong detective: covers with black
# thinks: covering means zero
# says: fills with 0
def cover(x, masks, fill):
    return x * ~masks[:, None]


# %% wrong detective: covers all but the mask
# thinks: the mask is what is kept
# says: all but the mask
def cover(x, masks, fill):
    return x.masked_fill(~masks[:, None], fill)


# %% wrong detective: one mask for all
# thinks: the square is always in the same corner
# says: first picture's mask
def cover(x, masks, fill):
    return x.masked_fill(masks[:1, None], fill)


# %% wrong detective: covers one channel
# thinks: a mask of H x W covers a picture
# says: one channel
def cover(x, masks, fill):
    x = x.clone()
    x[:, 0][masks] = fill
    return x


# %% wrong detective: paints into the caller's pictures
# thinks: nobody needs the pictures any more
# says: argument number
# hidden says: caller's pictures
_cover = cover


def cover(x, masks, fill):
    x.copy_(_cover(x, masks, fill))
    return x


def evidence(network, x, y, masks, fill):
    before = (network(x).argmax(dim=1) == y).double().mean()
    after = (network(_cover(x, masks, fill)).argmax(dim=1) == y).double().mean()
    share = share_inside(saliency_map(network, x, y), masks)
    return (before - after).item(), (share.mean() - masks.double().mean()).item()


# %% wrong detective: the accuracy itself
# thinks: accuracy is evidence
# says: on the pictures as they are
def evidence(network, x, y, masks, fill):
    share = share_inside(saliency_map(network, x, y), masks)
    return (network(x).argmax(dim=1) == y).double().mean().item(), (share.mean() - masks.double().mean()).item()


def find_cheat(networks, x, y, masks, fill):
    a, b = (evidence(network, x, y, masks, fill)[1] for network in networks)
    return int(b > a)


# %% wrong detective: after minus before
# thinks: a change is after minus before
# says: drop has the wrong sign
_evidence = evidence


def evidence(network, x, y, masks, fill):
    drop, gap = _evidence(network, x, y, masks, fill)
    return -drop, gap


def find_cheat(networks, x, y, masks, fill):
    a, b = (_evidence(network, x, y, masks, fill)[1] for network in networks)
    return int(b > a)


# %% wrong detective: the share without its baseline
# thinks: a share speaks for itself
# says: map alone
_evidence = evidence


def evidence(network, x, y, masks, fill):
    drop, gap = _evidence(network, x, y, masks, fill)
    return drop, gap + masks.double().mean().item()


# %% wrong detective: per cent
# thinks: accuracies are given in per cent
# says: per cent
_evidence = evidence


def evidence(network, x, y, masks, fill):
    drop, gap = _evidence(network, x, y, masks, fill)
    return 100 * drop, 100 * gap


# %% wrong detective: the better one cheats
# thinks: who cheats is better
# says: accuses the wrong
def find_cheat(networks, x, y, masks, fill):
    a, b = ((network(x).argmax(dim=1) == y).double().mean() for network in networks)
    return int(b > a)


# %% wrong detective: the size of the gradient on the cue
# thinks: who looks hardest at the square cheats
# says: accuses the wrong
def find_cheat(networks, x, y, masks, fill):
    a, b = ((saliency_map(network, x, y) * masks).sum() for network in networks)
    return int(b > a)


# %% wrong detective: names the honest one
# thinks: the answer is the network to be trusted
# says: accuses the wrong
_find_cheat = find_cheat


def find_cheat(networks, x, y, masks, fill):
    return 1 - _find_cheat(networks, x, y, masks, fill)


# %% wrong detective: always the first
# thinks: I looked at the example
# says: accuses the wrong
def find_cheat(networks, x, y, masks, fill):
    return 0


# %% wrong detective: counts from 1
# thinks: the first network is number 1
# says: 0 or 1
_find_cheat = find_cheat


def find_cheat(networks, x, y, masks, fill):
    return 1 + _find_cheat(networks, x, y, masks, fill)
