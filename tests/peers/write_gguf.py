"""Writes a llama of random ternary weights (TQ2_0) in the shape of the 370M MatMul-free model: `write_gguf.py FILE`.

What it says is nonsense; what it costs is what a trained one of this shape costs, since no kernel looks at the values.
"""

import sys

import gguf
import numpy as np
from shape import BLOCKS, HIDDEN, TERNARY_WEIGHTS, VOCAB, WIDTH

HEADS = 16


def main(path):
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random-ternary-370m")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCAB)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_TQ2_0)
    add_tokenizer(writer)

    n_ternary = 0

    def ternary(name, outputs, inputs):
        nonlocal n_ternary
        # Each row's scale keeps the sums in range.
        weights = random.integers(-1, 2, size=(outputs, inputs)).astype(np.float32) / np.sqrt(inputs)
        packed = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.TQ2_0)
        writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.TQ2_0)
        n_ternary += outputs * inputs

    embedding = random.normal(size=(VOCAB, WIDTH)).astype(np.float32)
    packed = gguf.quants.quantize(embedding, gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("token_embd.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    for block in range(BLOCKS):
        for name in ["attn_norm", "ffn_norm"]:
            writer.add_tensor(f"blk.{block}.{name}.weight", np.ones(WIDTH, dtype=np.float32))
        for name in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            ternary(f"blk.{block}.{name}.weight", WIDTH, WIDTH)
        ternary(f"blk.{block}.ffn_gate.weight", HIDDEN, WIDTH)
        ternary(f"blk.{block}.ffn_up.weight", HIDDEN, WIDTH)
        ternary(f"blk.{block}.ffn_down.weight", WIDTH, HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    ternary("output.weight", VOCAB, WIDTH)
    assert n_ternary == TERNARY_WEIGHTS, f"{n_ternary} ternary weights, expected {TERNARY_WEIGHTS}"

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer):
    """A vocabulary that has the right size and nothing to say."""
    special = ["<unk>", "<s>", "</s>"]
    of_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [f"\u2581w{number}" for number in range(VOCAB - len(special) - len(of_bytes))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * len(of_bytes) + [gguf.TokenType.NORMAL] * len(words)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(special + of_bytes + words)
    writer.add_token_scores([-float(number) for number in range(VOCAB)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)


if __name__ == "__main__":
    main(sys.argv[1])
