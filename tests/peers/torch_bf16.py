"""Decode and prefill of PyTorch on a CPU in bf16, the MatMul-free model of 370M parameters: `torch_bf16.py [RUNS]`.

Weights are ternary values held in bf16, as PyTorch has no packed kernel for them: its matrix products are what is
measured. Norms and the recurrence are those of the model; the recurrence runs token by token, as it must.
"""

import sys
import time

import torch
import torch.nn.functional as F
from measure import report
from shape import BLOCKS, HIDDEN, TERNARY_WEIGHTS, VOCAB, WIDTH

PROMPT_TOKENS = 512
DECODE_TOKENS = 32


def norm(x):
    return F.rms_norm(x, x.shape[-1:])


class Block:
    def __init__(self, random):
        def ternary(outputs, inputs):
            weights = torch.randint(-1, 2, (outputs, inputs), generator=random)
            return (weights / inputs**0.5).bfloat16()

        self.i, self.f, self.g, self.o = (ternary(WIDTH, WIDTH) for _ in range(4))
        self.gate, self.up, self.down = ternary(HIDDEN, WIDTH), ternary(HIDDEN, WIDTH), ternary(WIDTH, HIDDEN)
        self.weights = [self.i, self.f, self.g, self.o, self.gate, self.up, self.down]

    def forward(self, x, state):
        """[tokens, width] and the state before them -> the same after the block."""
        a = norm(x)
        forget = torch.sigmoid(F.linear(a, self.f))
        entering = F.silu(F.linear(a, self.i)) * (1 - forget)
        states = torch.empty_like(entering)
        for token in range(x.shape[0]):
            state = forget[token] * state + entering[token]
            states[token] = state
        x = x + F.linear(norm(states) * F.silu(F.linear(a, self.g)), self.o)
        a = norm(x)
        return x + F.linear(F.silu(F.linear(a, self.gate)) * F.linear(a, self.up), self.down), state


class Model:
    def __init__(self):
        random = torch.Generator().manual_seed(1)
        self.embedding = torch.randn(VOCAB, WIDTH, generator=random).bfloat16()
        self.blocks = [Block(random) for _ in range(BLOCKS)]
        self.head = (torch.randint(-1, 2, (VOCAB, WIDTH), generator=random) / WIDTH**0.5).bfloat16()
        weights = [self.head] + [weight for block in self.blocks for weight in block.weights]
        n_weights = sum(weight.numel() for weight in weights)
        assert n_weights == TERNARY_WEIGHTS, f"{n_weights} ternary weights, expected {TERNARY_WEIGHTS}"

    def start(self):
        return [torch.zeros(WIDTH, dtype=torch.bfloat16) for _ in self.blocks]

    def forward(self, tokens, states):
        """The logits after the last token; `states` becomes those after it."""
        x = self.embedding[tokens]
        for at, block in enumerate(self.blocks):
            x, states[at] = block.forward(x, states[at])
        return F.linear(norm(x[-1]), self.head)


def prefill(model):
    tokens = torch.arange(PROMPT_TOKENS) * 31 % VOCAB
    begun = time.perf_counter()
    model.forward(tokens, model.start())
    return PROMPT_TOKENS / (time.perf_counter() - begun)


def decode(model):
    states = model.start()
    token = 1
    begun = time.perf_counter()
    for _ in range(DECODE_TOKENS):
        token = int(model.forward(torch.tensor([token]), states).argmax())
    return DECODE_TOKENS / (time.perf_counter() - begun)


@torch.inference_mode()
def main(runs):
    model = Model()
    for n_threads in [1, 2]:
        torch.set_num_threads(n_threads)
        for kind, measure in [
            (f"prefill of {PROMPT_TOKENS} tokens", prefill),
            (f"decode of {DECODE_TOKENS} tokens", decode),
        ]:
            # The first run is not counted: it packs and warms up.
            report("PyTorch bf16", torch.__version__, n_threads, kind, [measure(model) for _ in range(runs + 1)][1:])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
