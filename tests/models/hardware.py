"""The compiler's integers in PyTorch, so that a model can be trained for them.

`HardwareAware` evaluates a `MatMulFree` as the compiler's fixed-point level does: every value is a whole number of some
bits, in a unit that follows from its range by the rules of `docs/quantization.md` (in Rust:
`crates/seamount-quant/src/quantize/`). Integers are kept in double precision, where products of two words and sums of
them are exact, so the results are the compiler's to the last bit (its `sigmoid`, `silu` and inverse root being the
ideal ones, before `approximate`). Backward, rounding has the gradient of the identity and saturation that of a clamp.

Late norms, as the compiler has by default; `ranges` have the names that `seamount quant export` gives.
"""

import math

import torch
from mmfree import ste

WORD_BITS = 24  # Registers, state and accumulators.
SNAP_FROM_BITS = 12  # From here a payload's unit makes its sum's unit a power of two.
ROOT_BITS = 16  # Of an inverse root where it is smallest.
FUNCTION_INPUT = (-16, -10)  # Finest and coarsest unit of the operand of a sigmoid or silu.
BIT_LINEAR_EPS = 1e-8

DEFAULTS = {
    "payload": {"bits": 16, "clip": "max", "percentile": 99.99, "headroom": 0.0, "scales": "free",
                "spike_threshold": 0, "widths": {}},
    "state": {"residual_bits": 24, "branch_bits": 24, "gate_bits": 24, "recurrent_input_bits": 24,
              "recurrent_state_bits": 24, "logit_bits": 24, "value_bits": 24},
    "norm": {"fold": True, "placement": "late", "epsilon": 0.0},
}


def headroom(bits):
    """The range of a unit over the largest magnitude that was seen."""
    return 4.0 if bits >= 16 else 2.0 if bits >= 11 else 1.0


def largest(bits):
    return 2 ** (bits - 1) - 1


def holding(magnitude, bits):
    """The exponent of the least power of two of which words of some bits hold a magnitude."""
    return math.ceil(math.log2(magnitude / largest(bits))) if magnitude > 0 else 1 - bits


class RoundHalfUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (x + 0.5).floor()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def shifted(exact, shift):
    """`exact >>r shift`: rounds half up, nothing where there is no shift."""
    return RoundHalfUp.apply(exact * 2.0**-shift) if shift > 0 else exact


def saturated(x, bits):
    return x.clamp(-(2 ** (bits - 1)), largest(bits))


def half_away_from_zero(x):
    return ste(x, x.sign() * (x.abs() + 0.5).floor())


class Fixed:
    """Whole numbers `n` of a unit."""

    def __init__(self, n, unit, bits):
        self.n, self.unit, self.bits = n, unit, bits

    @property
    def real(self):
        return self.n * self.unit


def affine(x, scale, bits, unit, bias=None):
    """`scale · x + bias` in a unit; scale and bias are real, one a channel or one for all."""
    scale = torch.as_tensor(scale, dtype=torch.float64)
    real = scale * (x.unit / unit)
    top = real.detach().abs().max().item()
    shift = math.floor(math.log2((largest(WORD_BITS) - 0.5) / top)) if top > 0 else 0
    shift = max(-1, min(shift, 2 * WORD_BITS - 1))
    if shift < 0:
        raise ValueError("a factor is wider than a word: the ranges of operand and result are too far apart")
    n = saturated(shifted(x.n * half_away_from_zero(real * 2.0**shift), shift), WORD_BITS)
    if bias is not None:
        n = saturated(n + saturated(half_away_from_zero(bias.double() / unit), WORD_BITS), WORD_BITS)
    return Fixed(saturated(n, bits), unit, bits)


def in_unit(x, unit):
    return x if abs(x.unit / unit - 1) < 1e-12 else affine(x, 1.0, WORD_BITS, unit)


def multiply(a, b, bits, unit):
    """A product in a unit: by its shift alone where that is enough, else by a factor as well."""
    natural = a.unit * b.unit
    shift = math.log2(unit / natural)
    exact = abs(shift - round(shift)) < 1e-9
    whole = round(shift) if exact else math.floor(shift)
    shift = max(0, whole)
    n, product_unit = shifted(a.n * b.n, shift), natural * 2.0**shift
    if exact and whole >= 0:
        return Fixed(saturated(n, bits), product_unit, bits)
    return affine(Fixed(saturated(n, WORD_BITS), product_unit, WORD_BITS), 1.0, bits, unit)


def function_input(x):
    finest, coarsest = FUNCTION_INPUT
    exponent = math.floor(math.log2(x.unit))
    return in_unit(x, 2.0 ** min(max(exponent, finest), coarsest))


def ideal(function, x, bits, unit):
    return Fixed(saturated(RoundHalfUp.apply(function(x.real) / unit), bits), unit, bits)


def silu(x):
    x = function_input(x)
    return ideal(torch.nn.functional.silu, x, WORD_BITS, x.unit)


def ternary(weight):
    """[out, in] -> -1, 0, 1 and their scale, in which the gradient is the weight's."""
    scale = max(float(torch.tensor(weight.detach().abs().double().mean().item(), dtype=torch.float32)), 1e-5)
    ratio = weight / torch.tensor(scale, dtype=torch.float32)
    ones = (ratio.detach() > 0.5).double() - (ratio.detach() < -0.5).double()
    return ste(ratio.double(), ones), scale


class Root:
    """The inverse root mean square of a value, by the compiler's plan for its range."""

    def __init__(self, width, abs_max, mean_square, eps):
        room = headroom(WORD_BITS)
        limit = float(largest(WORD_BITS))
        top = max(mean_square[1] + eps, 2.2250738585072014e-308) * room * room
        self.j = int(min(max(math.floor(math.log2(limit / top) / 2), -60), 60))
        v_limit = max(abs_max * room, 2.2250738585072014e-308)
        half = math.floor(math.log2(limit * math.sqrt(width) * 2.0**-self.j / v_limit))
        half = int(min(max(half, 0), WORD_BITS - 1))
        least = max((mean_square[0] + eps) * 4.0**self.j / (room * room), 1.0)
        by_least = math.floor(math.log2(limit) + math.log2(least) / 2)
        by_largest = math.ceil(ROOT_BITS + math.log2(top * 4.0**self.j / (room * room)) / 2)
        self.fraction = int(min(max(min(by_least, by_largest), 12), 34))
        self.square_shift = 2 * half
        self.v_unit = math.sqrt(width) * 2.0 ** (-self.j - half)
        # Half away from zero, as the compiler rounds.
        self.bias = min(max(math.floor(eps * 4.0**self.j + 0.5), 1), largest(WORD_BITS))

    def of(self, v):
        squares = saturated(shifted(v.n * v.n, self.square_shift), WORD_BITS)
        first = saturated(squares[..., :1] + self.bias, WORD_BITS)
        total = saturated(first + squares[..., 1:].sum(-1, keepdim=True), WORD_BITS)
        root = RoundHalfUp.apply(2.0**self.fraction / total.clamp(min=1).sqrt())
        return Fixed(saturated(root, WORD_BITS), 2.0 ** (self.j - self.fraction), WORD_BITS)


class HardwareAware:
    """A `MatMulFree` model in the compiler's integers; with `observe`, the float model that its ranges come from.

    Parameters are rounded to half precision first, as `MatMulFree.save` stores them.
    """

    def __init__(self, model, quantization=None):
        quantization = quantization or {}
        self.model, self.ranges = model, dict(quantization.get("ranges") or {})
        self.payload, self.state, self.norm = (
            DEFAULTS[table] | quantization.get(table, {}) for table in ("payload", "state", "norm")
        )
        if self.norm["placement"] != "late" or not self.norm["fold"]:
            raise ValueError("only folded late norms are trained for")
        if self.payload["clip"] != "max":
            raise ValueError("ranges are not clipped here: give those that `seamount quant export` wrote")
        self.observed = None

    def quantization_config(self):
        """What `config.json` is to say, for the compiler to take the same units."""
        return {"quant_method": "seamount", "version": 1, "payload": self.payload, "state": self.state,
                "norm": self.norm, "ranges": self.ranges}

    # What is known of values.

    def range(self, name):
        """The least and the largest value, in single precision as the compiler reads them."""
        return [torch.tensor(x, dtype=torch.float32).item() for x in self.ranges[name][:2]]

    def abs_max(self, name):
        return max(map(abs, self.range(name)))

    def exponent(self, magnitude, bits):
        return holding(magnitude * headroom(bits), bits)

    def unit(self, name, bits):
        return 2.0 ** self.exponent(self.abs_max(name), bits)

    def function_unit(self, name):
        finest, coarsest = FUNCTION_INPUT
        return 2.0 ** min(max(self.exponent(self.abs_max(name), self.state["value_bits"]), finest), coarsest)

    def residual_unit(self):
        names = ["embeddings"]
        for index in range(len(self.model.model.layers)):
            before = "embeddings" if index == 0 else f"layer.{index - 1}"
            names += [f"layers.{index}.attn.o_proj.multiply", f"{before}.add"]
            names += [f"layers.{index}.mlp.down_proj.multiply", f"layer.{index}"]
        return 2.0 ** self.exponent(max(map(self.abs_max, names)), self.state["residual_bits"])

    def bits_of(self, layer):
        fits = [name for name in self.payload["widths"] if layer == name or layer.endswith("." + name)]
        return min(self.payload["widths"][max(fits, key=len)] if fits else self.payload["bits"], WORD_BITS)

    # The operations of a block.

    def stored(self, parameter):
        return ste(parameter, parameter.half().float())

    def payload_unit(self, layer, operand, sums, scale):
        """The unit of what a linear layer multiplies, and of its sum."""
        bits = self.bits_of(layer)
        room = self.payload["headroom"] or headroom(bits)
        magnitude = self.abs_max(operand) * room
        by_sum = 2.0 ** self.exponent(max(map(self.abs_max, sums)), WORD_BITS)
        if self.payload["scales"] == "pow2":
            least = math.ceil(math.log2(max(by_sum / scale, 2.2250738585072014e-308)))
            unit = 2.0 ** max(holding(magnitude, bits), least)
            return bits, unit, unit * scale
        if bits >= SNAP_FROM_BITS:
            sum_unit = max(2.0 ** holding(magnitude * scale, bits), by_sum)
            return bits, sum_unit / scale, sum_unit
        unit = max(max(magnitude / largest(bits), 2.2250738585072014e-308), by_sum / scale)
        return bits, unit, unit * scale

    def linear(self, x, gamma, layer, weight, rows=None):
        """Sums of a layer, or one for each part of its rows, over `x · gamma`."""
        ones, scale = ternary(self.stored(weight))
        sums = [layer] if rows is None else [f"{layer}.{part}" for part in rows]
        bits, unit, sum_unit = self.payload_unit(layer, f"{layer}.input", sums, scale)
        sent = affine(x, gamma.double(), bits, unit)
        if self.payload["spike_threshold"] > 1:
            sent.n = ste(sent.n, sent.n * (sent.n.abs() >= self.payload["spike_threshold"]))
        total = Fixed(saturated(torch.nn.functional.linear(sent.n, ones), WORD_BITS), sum_unit, WORD_BITS)
        return total if rows is None else [Fixed(n, sum_unit, WORD_BITS) for n in total.n.chunk(len(rows), -1)]

    def root(self, x, gamma, name, eps):
        """The inverse root mean square of `x · gamma`, which `name` names; `x` itself where there is no gamma."""
        plan = Root(x.n.shape[-1], self.abs_max(name), self.range(f"{name}.mean_square"), eps)
        return plan.of(affine(x, 1.0 if gamma is None else gamma.double(), WORD_BITS, plan.v_unit))

    def norm_eps(self, *eps):
        return math.prod(self.norm["epsilon"] or one for one in eps)

    def token_mixer(self, x, block, index, state):
        name, attn, bits = f"layers.{index}.attn", block.attn, self.state
        eps, value_bits = self.model.config["rms_norm_eps"], self.state["value_bits"]
        outer = self.stored(block.attn_norm.weight)
        root = self.root(x, outer, f"layers.{index}.attn_norm", self.norm_eps(eps, BIT_LINEAR_EPS))

        def projected(layer, projection, unit):
            gamma = outer * self.stored(projection.norm.weight)
            return multiply(self.linear(x, gamma, f"{name}.{layer}", projection.weight), root, value_bits, unit)

        u = projected("i_proj", attn.i_proj, self.function_unit(f"{name}.i_proj.multiply"))
        f = projected("f_proj", attn.f_proj, self.function_unit(f"{name}.f_proj.multiply"))
        g = projected("g_proj", attn.g_proj, self.unit(f"{name}.g_proj.multiply", value_bits))
        gate_bits = bits["gate_bits"]
        gate_unit = 2.0 ** (1 - gate_bits)
        f = ideal(torch.sigmoid, function_input(f), gate_bits, gate_unit)
        if index > 0 and hasattr(self.model.model, "lower_bounds"):
            bound = self.lower_bound(index)
            f = affine(f, 1 - bound, gate_bits, gate_unit, bias=bound)
        u = silu(u)
        state_bits = bits["recurrent_state_bits"]
        if min(bits["recurrent_input_bits"], state_bits) < WORD_BITS:
            by_input = self.exponent(self.abs_max(f"{name}.i_proj.multiply.silu"), bits["recurrent_input_bits"])
            by_state = self.exponent(self.abs_max(f"state.{index}"), state_bits)
            u = affine(u, 1.0, bits["recurrent_input_bits"], 2.0 ** max(by_input, by_state))
        h, shown = state, []
        for t in range(u.n.shape[1]):
            difference = saturated(h - u.n[:, t], WORD_BITS)
            kept = saturated(shifted(f.n[:, t] * difference, gate_bits - 1), WORD_BITS)
            h = saturated(u.n[:, t] + kept, state_bits)
            shown.append(h)
        state = Fixed(torch.stack(shown, 1), u.unit, state_bits)
        g_name = f"{name}.g_norm"
        g = affine(g, self.stored(attn.g_norm.weight).double(), value_bits, self.unit(g_name, value_bits))
        gated = multiply(g, silu(state), value_bits, self.unit(f"{g_name}.multiply", value_bits))
        root = self.root(gated, None, f"{g_name}.multiply", self.norm_eps(eps, BIT_LINEAR_EPS))
        mixed = self.linear(gated, self.stored(attn.o_proj.norm.weight), f"{name}.o_proj", attn.o_proj.weight)
        return self.branch(mixed, root, f"{name}.o_proj.multiply"), h

    def lower_bound(self, index):
        """As the compiler does it, in single precision."""
        bounds = self.stored(self.model.model.lower_bounds)
        exact = (bounds - bounds.max(0, keepdim=True).values).double().exp().float()
        return exact[1 : index + 1].sum(0) / exact.sum(0)

    def channel_mixer(self, x, block, index):
        name, mlp, value_bits = f"layers.{index}.mlp", block.mlp, self.state["value_bits"]
        half = mlp.down_proj.weight.shape[1]
        rows = [f"rows-0-{half}", f"rows-{half}-{2 * half}"]
        outer = self.stored(block.mlp_norm.weight)
        eps = self.norm_eps(self.model.config["rms_norm_eps"], BIT_LINEAR_EPS)
        root = self.root(x, outer, f"layers.{index}.mlp_norm", eps)
        gamma = outer * self.stored(mlp.gate_proj.norm.weight)
        gate, y = self.linear(x, gamma, f"{name}.gate_proj", mlp.gate_proj.weight, rows)
        gate_name, y_name = (f"{name}.gate_proj.{part}.multiply" for part in rows)
        gate = silu(multiply(gate, root, value_bits, self.function_unit(gate_name)))
        y = multiply(y, root, value_bits, self.unit(y_name, value_bits))
        gated = multiply(gate, y, value_bits, self.unit(f"{gate_name}.silu.multiply", value_bits))
        root = self.root(gated, None, f"{gate_name}.silu.multiply", self.norm_eps(BIT_LINEAR_EPS))
        mixed = self.linear(gated, self.stored(mlp.down_proj.norm.weight), f"{name}.down_proj", mlp.down_proj.weight)
        return self.branch(mixed, root, f"{name}.down_proj.multiply")

    def branch(self, total, root, name):
        """What a mixer adds to the residual stream."""
        bits = self.state["branch_bits"]
        unit = self.residual_unit() if bits == WORD_BITS else self.unit(name, bits)
        return multiply(total, root, bits, unit)

    def add(self, x, mixed):
        unit, bits = self.residual_unit(), self.state["residual_bits"]
        return Fixed(saturated(in_unit(x, unit).n + in_unit(mixed, unit).n, bits), unit, bits)

    def embedded(self, ids):
        """What the host sends, and what the neuron that takes it multiplies it by."""
        table = self.stored(self.model.model.embeddings.weight)
        bits = 8 if self.bits_of("embeddings") <= 8 else 16
        tops = table.detach().abs().amax(0).clamp(min=1.1754943508222875e-38).double()
        top = tops.max()
        if bits == 16:
            tops = top.expand_as(tops)
        row = half_away_from_zero(torch.nn.functional.embedding(ids, table).double() / (tops / largest(bits)))
        return Fixed(row, top.item() / largest(bits), bits), tops / top

    def fixed(self, ids):
        """ids [batch, time] -> logits, in integers."""
        model = self.model.model
        x = affine(*self.embedded(ids), self.state["residual_bits"], self.residual_unit())
        for index, block in enumerate(model.layers):
            state = torch.zeros(len(ids), self.model.inner, dtype=torch.float64)
            mixed, _ = self.token_mixer(x, block, index, state)
            x = self.add(x, mixed)
            x = self.add(x, self.channel_mixer(x, block, index))
        outer, head = self.stored(model.norm.weight), self.model.lm_head
        root = self.root(x, outer, "norm", self.norm_eps(self.model.config["rms_norm_eps"], BIT_LINEAR_EPS))
        total = self.linear(x, outer * self.stored(head.norm.weight), "lm_head", head.weight)
        bits = self.state["logit_bits"]
        return multiply(total, root, bits, self.unit("logits", bits))

    def __call__(self, ids):
        return self.fixed(ids).real


def main():
    """Records what a checkpoint computes in integers, for `tests/tests/hardware_aware.rs`.

        seamount quant export stories-1m --calibration calibration.txt -o quantization.json
        python3 hardware.py stories-1m quantization.json stories-1m/hardware-16.safetensors
    """
    import json
    import sys

    from mmfree import MatMulFree
    from safetensors.torch import load_file, save_file

    folder, quantization, out = sys.argv[1:]
    quantization = json.load(open(quantization))["quantization_config"]
    ids = load_file(f"{folder}/golden.safetensors")["input_ids"][:, :24]
    with torch.no_grad():
        logits = HardwareAware(MatMulFree.load(folder), quantization).fixed(ids)
    tensors = {"input_ids": ids[0].int(), "logits": logits.n[0].int()}
    save_file(tensors, out, metadata={"quantization_config": json.dumps(quantization)})
    print(f"{out}: {logits.n.numel()} logits in units of {logits.unit}")


if __name__ == "__main__":
    main()
