"""The shape that all peers have: that of the published 370M MatMul-free model.

Of its linear layers, and of the head, a llama of the same width has exactly the same number of weights: four square
projections and three of the gated unit in each block.
"""

WIDTH = 1024
HIDDEN = 2816
BLOCKS = 24
VOCAB = 32000

BLOCK_WEIGHTS = 4 * WIDTH * WIDTH + 3 * WIDTH * HIDDEN
TERNARY_WEIGHTS = BLOCKS * BLOCK_WEIGHTS + WIDTH * VOCAB
