"""Makes the quantized checkpoints here: NAME.safetensors with its config NAME.json, and NAME.truth.safetensors.

The truth of compressed-tensors' layouts and of gpt-oss's is that of the packages compressed-tensors 0.20 and
transformers 5.24; that of GPTQ and AWQ is (code - zero) * scale of the codes that are packed here, one bit after the
other, as AutoGPTQ 0.7 and AutoAWQ 0.2 lay them out.
"""
import json
import numpy as np, torch
from safetensors.torch import save_file
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

rng = np.random.default_rng(5)
torch.manual_seed(5)
OUT, IN = 32, 64


def save(name, config, tensors, truth):
    save_file({k: v.contiguous() for k, v in tensors.items()}, name + ".safetensors")
    save_file({k: v.float().contiguous() for k, v in truth.items()}, name + ".truth.safetensors")
    json.dump({"quantization_config": config}, open(name + ".json", "w"))


def bits_of(values, bits):
    """Packs each row of values into int32, the lowest bit first."""
    b = (values[:, :, None] >> np.arange(bits)) & 1
    words = b.reshape(values.shape[0], -1, 32).astype(np.uint64)
    return torch.from_numpy((words << np.arange(32, dtype=np.uint64)).sum(-1).astype(np.uint32).view(np.int32))


for bits, order, version in ((2, False, "gptq"), (3, True, "gptq"), (4, True, "gptq"), (4, False, "gptq_v2"), (8, False, "gptq")):
    group, groups = 32, IN // 32
    codes = rng.integers(0, 2**bits, (IN, OUT))
    zeros = rng.integers(1, 2**bits, (groups, OUT))
    scales = torch.from_numpy(rng.random((groups, OUT), dtype=np.float32) * 0.1).half()
    index = np.arange(IN) // group
    if order:
        index = rng.permutation(index)
    w = (torch.from_numpy(codes) - torch.from_numpy(zeros)[index]) * scales.float()[index]
    t = {"m.qweight": bits_of(codes.T, bits).T, "m.qzeros": bits_of(zeros - (version == "gptq"), bits), "m.scales": scales}
    if order or bits == 8:
        t["m.g_idx"] = torch.from_numpy(index.astype(np.int32))
    save(f"{version}{bits}", {"quant_method": "gptq", "bits": bits, "group_size": group, "checkpoint_format": version}, t, {"m.weight": w.T})

codes, zeros = rng.integers(0, 16, (IN, OUT)), rng.integers(0, 16, (IN // 32, OUT))
scales = torch.from_numpy(rng.random((IN // 32, OUT), dtype=np.float32) * 0.1).half()
order = [0, 2, 4, 6, 1, 3, 5, 7]  # AutoAWQ's order_map
awq = lambda v: bits_of(v.reshape(v.shape[0], -1, 8)[:, :, order].reshape(v.shape), 4)
index = np.arange(IN) // 32
w = (torch.from_numpy(codes) - torch.from_numpy(zeros)[index]) * scales.float()[index]
save("awq4", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"},
     {"m.qweight": awq(codes), "m.qzeros": awq(zeros), "m.scales": scales}, {"m.weight": w.T})


def packed(name, form, compressor, args, scale, zero=None, whole=None):
    a = QuantizationArgs(**args)
    scheme = QuantizationScheme(targets=["Linear"], weights=a)
    state = {"weight": torch.randn(OUT, IN), "weight_scale": scale}
    if zero is not None:
        state["weight_zero_point"] = zero
    if whole is not None:
        state["weight_global_scale"] = whole
    stored = compressor.compress(state, scheme)
    truth = compressor.decompress({k: v.clone() for k, v in stored.items()}, scheme)["weight"]
    weights = {k: v for k, v in args.items()}
    save(name, {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}},
         {"m." + k: v for k, v in stored.items()}, {"m.weight": truth})


group = dict(num_bits=4, type="int", strategy="group", group_size=32)
some = lambda *shape: torch.rand(*shape) * 0.2 + 0.05
packed("packed4", "pack-quantized", PackedQuantizationCompressor, dict(group, symmetric=True), some(OUT, 2))
packed("packed4-zeros", "pack-quantized", PackedQuantizationCompressor, dict(group, symmetric=False), some(OUT, 2),
       torch.randint(-8, 8, (OUT, 2), dtype=torch.int8))
packed("packed8", "pack-quantized", PackedQuantizationCompressor, dict(num_bits=8, type="int", strategy="channel", symmetric=True), some(OUT, 1) / 10)
packed("packed3", "pack-quantized", PackedQuantizationCompressor, dict(group, num_bits=3, symmetric=True), some(OUT, 2))
packed("nvfp4", "nvfp4-pack-quantized", NVFP4PackedCompressor,
       dict(num_bits=4, type="float", strategy="tensor_group", group_size=16, symmetric=True, scale_dtype="torch.float8_e4m3fn"),
       some(OUT, 4) * 100, whole=torch.tensor([300.0]))
packed("mxfp4", "mxfp4-pack-quantized", MXFP4PackedCompressor,
       dict(num_bits=4, type="float", strategy="group", group_size=32, symmetric=True, scale_dtype="torch.uint8"), 2.0 ** torch.randint(-4, 3, (OUT, 2)))

blocks = torch.randint(0, 256, (2, 12, 2, 16), dtype=torch.uint8)
scales = torch.randint(118, 134, (2, 12, 2), dtype=torch.uint8)
save("gpt-oss", {"quant_method": "mxfp4"}, {"m.experts.gate_up_proj_blocks": blocks, "m.experts.gate_up_proj_scales": scales},
     {"m.experts.gate_up_proj": convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)})

codes = torch.randint(0, 256, (OUT, IN // 2), dtype=torch.uint8)
scales = some(OUT, IN // 16).to(torch.float8_e4m3fn)
fp4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
w = torch.stack([fp4[(codes & 15).long()], fp4[(codes >> 4).long()]], -1).reshape(OUT, IN)
save("modelopt", {"quant_method": "modelopt", "quant_algo": "NVFP4"},
     {"m.weight": codes, "m.weight_scale": scales, "m.weight_scale_2": torch.tensor(0.02), "m.input_scale": torch.tensor(0.5)},
     {"m.weight": w * (scales.float() * torch.tensor(0.02)).repeat_interleave(16, 1)})

codes = torch.randint(-127, 128, (OUT, IN), dtype=torch.int8)
largest = some(OUT) * 5
save("bitsandbytes", {"quant_method": "bitsandbytes", "load_in_8bit": True},
     {"m.weight": codes, "m.SCB": largest, "m.weight_format": torch.tensor(0, dtype=torch.uint8)}, {"m.weight": codes.float() * largest[:, None] / 127})
