"""Decode and prefill of llama.cpp's TQ2_0, through its server's own timings: `llama_cpp.py FILE.gguf [RUNS]`."""

import sys

import xllamacpp
from measure import report

PROMPT_TOKENS = 512
DECODE_TOKENS = 128
FIRST_WORD = 300


def server(path, n_threads):
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 2048
    params.n_batch = params.n_ubatch = PROMPT_TOKENS
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = n_threads
    params.cpuparams_batch.n_threads = n_threads
    params.warmup = True
    params.verbosity = -1
    return xllamacpp.Server(params)


def timings(llama, prompt, n_predict):
    request = {
        "prompt": prompt,
        "n_predict": n_predict,
        "temperature": 0.0,
        "ignore_eos": True,
        "cache_prompt": False,
    }
    answer = llama.handle_completions(request)
    return answer["timings"]


def main(path, runs):
    for n_threads in [1, 2]:
        llama = server(path, n_threads)
        prefill, decode = [], []
        # The first run is not counted: it touches the file's pages.
        for run in range(runs + 1):
            # Another prompt each time, so that nothing can be kept.
            prompt = [FIRST_WORD + (run * 7919 + at * 31) % 30000 for at in range(PROMPT_TOKENS)]
            prefill.append(timings(llama, prompt, 1)["prompt_per_second"])
            decode.append(timings(llama, prompt[:4], DECODE_TOKENS)["predicted_per_second"])
        version = xllamacpp.__version__
        report("llama.cpp TQ2_0", version, n_threads, f"prefill of {PROMPT_TOKENS} tokens", prefill[1:])
        report("llama.cpp TQ2_0", version, n_threads, f"decode of {DECODE_TOKENS} tokens", decode[1:])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
