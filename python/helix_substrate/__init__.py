"""Compress model weights, prove what the compression did, and compute from the compressed form.

The functions are those of helix-substrate 0.2.1, the Python original, over the program ``helix-substrate`` that this
package installs beside Python: arrays go in and come out as NumPy's, every call runs the program once, and what it
refuses is a :class:`HelixError` with its one line. Nothing is kept between calls, so functions may be called from
several threads.
"""

from importlib.metadata import PackageNotFoundError, version

from helix_substrate._program import HelixError, program_path
from helix_substrate.cdna_encoder import decode_cdna_to_tensor, encode_tensor_to_cdna
from helix_substrate.convert import convert_huggingface_model
from helix_substrate.convert_gguf import convert_gguf_model
from helix_substrate.receipt import (
    ExecutionReceipt,
    OperationResult,
    load_execution_receipt,
    save_execution_receipt,
    validate_execution_receipt,
)
from helix_substrate.se import compute_routing_decision, compute_tensor_se
from helix_substrate.stream_attention import stream_attention_forward
from helix_substrate.stream_block import stream_multi_block_forward, stream_transformer_block_forward
from helix_substrate.stream_ffn import stream_ffn_forward
from helix_substrate.stream_matmul import stream_xw_from_cdna

try:
    __version__ = version("helix-substrate")
except PackageNotFoundError:  # imported from a checkout
    __version__ = "unknown"

__all__ = [
    "ExecutionReceipt",
    "HelixError",
    "OperationResult",
    "compute_routing_decision",
    "compute_tensor_se",
    "convert_gguf_model",
    "convert_huggingface_model",
    "decode_cdna_to_tensor",
    "encode_tensor_to_cdna",
    "load_execution_receipt",
    "program_path",
    "save_execution_receipt",
    "stream_attention_forward",
    "stream_ffn_forward",
    "stream_multi_block_forward",
    "stream_transformer_block_forward",
    "stream_xw_from_cdna",
    "validate_execution_receipt",
]
