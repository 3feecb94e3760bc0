"""dither.py QUANTIZED.gguf OUT.gguf: continuous weights where only quantized ones are to be had.

Each weight moves uniformly inside the cell that it was rounded to, by its own block's step (seeded), and is written as
BF16; whatever is not quantized stays. Quantizing such a model is no easier than quantizing one that was never quantized.
"""
import sys

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, GGMLQuantizationType as T, LlamaFileType, dequantize
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize

# Where a block keeps the low bits of its integers. Turning the lowest one over moves a weight by just one step, so the
# difference of the decoded values is the step, however a type hides its scales.
LOW_BITS = {
    T.Q4_0: (2, 18, 0x11), T.Q4_1: (4, 20, 0x11), T.Q5_0: (6, 22, 0x11), T.Q5_1: (8, 24, 0x11), T.Q8_0: (2, 34, 0x01),
    T.Q4_K: (16, 144, 0x11), T.Q5_K: (48, 176, 0x11), T.Q6_K: (0, 128, 0x11),
}


def steps(data, kind):
    """The step at each weight of a quantized tensor."""
    first, last, mask = LOW_BITS[kind]
    turned = data.reshape(-1, GGML_QUANT_SIZES[kind][1]).copy()
    turned[:, first:last] ^= mask
    return np.abs(dequantize(turned.reshape(data.shape), kind) - dequantize(data, kind))


def main(source, target):
    reader, rng = GGUFReader(source), np.random.default_rng(1)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue  # the writer makes these
        value = int(LlamaFileType.MOSTLY_BF16) if name == "general.file_type" else field.contents()
        sub = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], sub_type=sub)
    for t in reader.tensors:
        if t.tensor_type in LOW_BITS:
            w = dequantize(t.data, t.tensor_type)
            w += (rng.random(w.shape, dtype=np.float32) - 0.5) * steps(t.data, t.tensor_type)
            writer.add_tensor(t.name, quantize(w, T.BF16), raw_dtype=T.BF16)
        else:
            writer.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
