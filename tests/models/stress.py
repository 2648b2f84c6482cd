"""Makes checkpoints with values that quantization finds hard, out of a trained one, and text that its trainer never saw.

    python3 stress.py stories-1m --rare-tokens 32 --out rare        embeddings of rare tokens 32 times as large
    python3 stress.py stories-1m --massive-channels 100 --out wide  two more channels of the residual stream, 100 times
                                                                    as large as any other; the function stays the same
    python3 stress.py stories-1m --outlier-weights 30 --out outlier two norm weights of each linear layer 30 times as large
    python3 stress.py stories-1m --token-ids 2049 > random.txt      tokens drawn evenly from the vocabulary

What a scaled model predicts is not what the trained one did (but for `--massive-channels`): it is held against its own
float model. Needs numpy and safetensors.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
from safetensors.numpy import load_file, save_file

N_CHANNELS = 2  # Channels that are added or scaled.


def scale_rare_tokens(tensors, factor):
    """Scales the embeddings of the last eighth of the vocabulary, which the tokenizer's trainer merged last."""
    table = tensors["model.embeddings.weight"]
    table[-len(table) // 8 :] *= factor


def scale_norm_weights(tensors, factor, rng):
    """Scales two channels in front of each linear layer."""
    for name, weight in tensors.items():
        if name.endswith("_proj.norm.weight") or name == "lm_head.norm.weight":
            weight[rng.choice(len(weight), N_CHANNELS, replace=False)] *= factor


def ternary(weight, scale, shape):
    """The same ternary weights with the same scale, with zeros around them up to a shape.

    The published rule divides by the mean magnitude and rounds: ones of magnitude `scale * n / ones` come back.
    """
    ones = (weight / scale > 0.5).astype(np.float64) - (weight / scale < -0.5)
    padded = np.pad(ones, [(0, to - size) for size, to in zip(weight.shape, shape)])
    return (padded * (scale * padded.size / np.abs(padded).sum())).astype(np.float32)


def add_massive_channels(tensors, config, factor):
    """Adds channels that carry large constants past all blocks: zeros in the norms hide them from every layer.

    Means over more channels are smaller by `width / wide`, which the norms' second weights make up for.
    """
    width = config["hidden_size"]
    wide = width + N_CHANNELS
    table = tensors["model.embeddings.weight"]
    massive = np.abs(table).max() * factor
    tensors["model.embeddings.weight"] = np.pad(table, ((0, 0), (0, N_CHANNELS)), constant_values=massive)
    readers = ("i_proj.", "f_proj.", "g_proj.", "gate_proj.", "lm_head.")
    for name, tensor in list(tensors.items()):
        reads = any(part in name for part in readers)
        if reads and tensor.ndim == 1:
            tensors[name] = np.pad(tensor * np.float32((width / wide) ** 0.5), (0, N_CHANNELS))
        elif name.endswith(("attn_norm.weight", "mlp_norm.weight")) or name == "model.norm.weight":
            tensors[name] = np.pad(tensor, (0, N_CHANNELS))
        elif tensor.ndim == 2 and name.endswith(("proj.weight", "lm_head.weight")):
            rows, columns = tensor.shape
            shape = (rows, columns + N_CHANNELS) if reads else (rows + N_CHANNELS, columns)
            tensors[name] = ternary(tensor, np.abs(tensor).mean(dtype=np.float64), shape)
    config["hidden_size"] = wide
    config["expand_ratio"] = (width + 0.5) / wide  # Rounded down.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--rare-tokens", type=float)
    parser.add_argument("--massive-channels", type=float)
    parser.add_argument("--outlier-weights", type=float)
    parser.add_argument("--token-ids", type=int)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    rng = np.random.default_rng(a.seed)
    config = json.loads((a.checkpoint / "config.json").read_text())
    if a.token_ids:
        print(" ".join(map(str, rng.integers(3, config["vocab_size"], a.token_ids))))
        return
    tensors = {name: tensor.astype(np.float32) for name, tensor in load_file(a.checkpoint / "model.safetensors").items()}
    if a.rare_tokens:
        scale_rare_tokens(tensors, a.rare_tokens)
    if a.outlier_weights:
        scale_norm_weights(tensors, a.outlier_weights, rng)
    if a.massive_channels:
        add_massive_channels(tensors, config, a.massive_channels)
    a.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, a.out / "model.safetensors", metadata={"format": "pt"})
    (a.out / "config.json").write_text(json.dumps(config | {"torch_dtype": "float32"}, indent=2) + "\n")
    shutil.copy(a.checkpoint / "tokenizer.json", a.out)


if __name__ == "__main__":
    main()
