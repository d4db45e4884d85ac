"""Optimal codes by Huffman's method, and what compressors make of a text.

python examples/theory/huffman.py LICENSE
"""

import heapq
import lzma
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import fastent
from fastent import discrete


def code_lengths(weights: Sequence[float]) -> list[int]:
    """How many yes-no questions lead to each event if the two rarest are always joined first (Huffman 1952)."""
    length = [0] * len(weights)
    heap = [(weight, [event]) for event, weight in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        one, two = heapq.heappop(heap), heapq.heappop(heap)
        events = one[1] + two[1]
        for event in events:
            length[event] += 1
        heapq.heappush(heap, (one[0] + two[0], events))
    return length


def bits_per_letter(text: bytes) -> dict[str, float]:
    """Entropy of the letters taken one by one, and what three codes need; compressors without headers."""
    letters = np.frombuffer(text, np.uint8)
    counts = discrete.counts(letters)
    counts = counts[counts > 0]
    n = len(letters)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return {
        "entropy": float(fastent.entropy(counts, base=2)),
        "Huffman": float(np.dot(counts, code_lengths(counts.tolist())) / n),
        "zlib": 8 * len(packer.compress(text) + packer.flush()) / n,
        "lzma": 8 * len(lzma.compress(text, lzma.FORMAT_RAW, filters=filters)) / n,
    }


if __name__ == "__main__":
    content = Path(sys.argv[1]).read_bytes()
    shuffled = np.random.default_rng(0).permutation(np.frombuffer(content, np.uint8)).tobytes()
    for title, data in (("as written", content), ("letters shuffled", shuffled)):
        print(title, {name: round(bits, 3) for name, bits in bits_per_letter(data).items()})
