package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// quantization is what a checkpoint's files say about how its weights are stored. Which
// tensors those are, their names and shapes tell (see Checkpoint.quantize).
type quantization struct {
	method method
	name   string   // for people: "GPTQ, 4 bits"
	bits   []int    // of packed codes, what may be
	groups []int    // columns that share a scale, what may be
	blocks [][2]int // rows and columns that share a scale, what may be
	v2     bool     // GPTQ's zero points are stored as they are
	broken error    // config.json is not JSON: what depends on it is not read
}

// method is a family of layouts.
type method string

const (
	unquantized       method = ""
	scaledFloat       method = "fp8"
	scaledExponents   method = "mxfp8"
	gptq              method = "gptq"
	awq               method = "awq"
	compressedTensors method = "compressed-tensors"
	modelOpt          method = "modelopt"
	rowwiseInt8       method = "bitsandbytes"
	mxfp4             method = "mxfp4"
)

// defaultBlock is what DeepSeek's float8 checkpoints have, and those that do not say.
var defaultBlock = [2]int{128, 128}

// refusal names a quantization that is not read.
func refusal(format string, args ...any) error {
	return fmt.Errorf("quantized with "+format+": %w", append(args, ErrQuantization)...)
}

// largestConfig bounds the JSON files beside the weights.
const largestConfig = 1 << 24

// readQuantization reads what config.json says under quantization_config, or else
// the files that ModelOpt, AutoGPTQ and AutoAWQ write.
func (c *Checkpoint) readQuantization(ctx context.Context) (*quantization, error) {
	for _, source := range []struct {
		file  string
		parse func(text []byte) (*quantization, error)
	}{
		{"config.json", parseConfig},
		{"hf_quant_config.json", parseModelOptFile},
		{"quantize_config.json", func(text []byte) (*quantization, error) { return parseMethod(text, string(gptq)) }},
		{"quant_config.json", func(text []byte) (*quantization, error) { return parseMethod(text, string(awq)) }},
	} {
		text, err := c.ReadFile(ctx, source.file, largestConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		q, err := source.parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.place.Path(source.file), err)
		}
		if q != nil && q.broken != nil {
			q.broken = fmt.Errorf("%s: %w", c.place.Path(source.file), q.broken)
		}
		if q != nil {
			return q, nil
		}
	}
	return &quantization{blocks: [][2]int{defaultBlock}}, nil
}

// parseConfig reads a config.json; nil if it names no quantization.
func parseConfig(text []byte) (*quantization, error) {
	var config struct {
		Quantization json.RawMessage `json:"quantization_config"`
		Compression  json.RawMessage `json:"compression_config"` // of older compressed-tensors
		MLX          json.RawMessage `json:"quantization"`
		Text         struct {
			Quantization json.RawMessage `json:"quantization_config"`
		} `json:"text_config"`
	}
	if err := strictjson.UnmarshalOpen(strictjson.FromPython(text), &config, ErrScale); err != nil {
		return &quantization{broken: err}, nil
	}
	switch {
	case named(config.MLX):
		return nil, refusal("MLX")
	case named(config.Quantization):
		return parseMethod(config.Quantization, "")
	case named(config.Compression):
		return parseMethod(config.Compression, string(compressedTensors))
	case named(config.Text.Quantization):
		return parseMethod(config.Text.Quantization, "")
	}
	return nil, nil
}

// named tells whether a key is there with something in it.
func named(value json.RawMessage) bool {
	return len(value) > 0 && !slices.Contains([]string{"null", "{}"}, string(value))
}

// settings are the keys of a quantization_config.
type settings map[string]any

func (s settings) text(key string) string {
	v, _ := s[key].(string)
	return strings.ToLower(v)
}

func (s settings) flag(key string) bool {
	v, _ := s[key].(bool)
	return v
}

func (s settings) object(key string) settings {
	v, _ := s[key].(map[string]any)
	return v
}

// number returns a whole number, 0 if there is none.
func (s settings) number(keys ...string) int {
	for _, key := range keys {
		switch v := s[key].(type) {
		case float64:
			if v == float64(int32(v)) {
				return int(v)
			}
		case string:
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}

// pair returns two numbers, [a, b] or "axb", and false if there are none or they are no sizes.
func (s settings) pair(key string) (p [2]int, given, ok bool) {
	switch v := s[key].(type) {
	case nil:
		return p, false, true
	case []any:
		if len(v) == 2 {
			p = [2]int{settings{"": v[0]}.number(""), settings{"": v[1]}.number("")}
		}
	case string:
		a, b, _ := strings.Cut(strings.ToLower(v), "x")
		p = [2]int{settings{"": a}.number(""), settings{"": b}.number("")}
	}
	return p, true, p[0] > 0 && p[1] > 0
}

// parseMethod reads a quantization_config. method is what it means if it does not say.
func parseMethod(text []byte, fallback string) (*quantization, error) {
	var s settings
	if err := strictjson.UnmarshalOpen(strictjson.FromPython(text), &s, ErrScale); err != nil {
		return nil, fmt.Errorf("quantization_config: %w", err)
	}
	name := s.text("quant_method")
	switch {
	case name != "":
	case fallback != "":
		name = fallback
	case s.flag("load_in_8bit") || s.flag("load_in_4bit"):
		name = string(rowwiseInt8)
	case s["config_groups"] != nil:
		name = string(compressedTensors)
	case s["weight_block_size"] != nil:
		name = string(scaledFloat)
	default:
		return nil, refusal("a quantization_config without a quant_method")
	}
	switch method(name) {
	case "none":
		return nil, nil
	case scaledFloat, "fbgemm_fp8":
		return parseFloat8(s)
	case scaledExponents:
		return &quantization{method: scaledExponents, name: "MXFP8", blocks: [][2]int{{1, mxfp4Group}}}, nil
	case gptq:
		return parseGPTQ(s)
	case awq:
		return parseAWQ(s)
	case compressedTensors:
		return parseCompressedTensors(s)
	case modelOpt:
		return parseModelOpt(s)
	case mxfp4:
		return &quantization{method: mxfp4, name: "MXFP4"}, nil
	case rowwiseInt8:
		if s.flag("load_in_4bit") || s.flag("_load_in_4bit") {
			kind := s.text("bnb_4bit_quant_type")
			if kind == "" {
				kind = "fp4" // its default
			}
			return nil, refusal("bitsandbytes %s", kind)
		}
		return &quantization{method: rowwiseInt8, name: "bitsandbytes INT8"}, nil
	}
	return nil, refusal("%q", name)
}

// parseFloat8 reads the settings of DeepSeek's float8 and of those who followed.
func parseFloat8(s settings) (*quantization, error) {
	if f := s.text("fmt"); f != "" && f != "e4m3" && f != "e5m2" && f != "float8_e4m3fn" && f != "float8_e5m2" {
		return nil, refusal("FP8 of the format %q", f)
	}
	q := &quantization{method: scaledFloat, name: "FP8"}
	block, given, ok := s.pair("weight_block_size")
	switch {
	case !ok:
		return nil, fmt.Errorf("weight_block_size %v: %w", s["weight_block_size"], ErrScale)
	case given:
		q.name = fmt.Sprintf("FP8, blocks of %d × %d", block[0], block[1])
	default:
		block = defaultBlock
	}
	q.blocks = [][2]int{block}
	return q, nil
}

// parseGPTQ reads the settings of AutoGPTQ and GPTQModel.
func parseGPTQ(s settings) (*quantization, error) {
	bits := s.number("bits")
	form := s.text("checkpoint_format")
	if form == "" {
		form = s.text("format")
	}
	pack := s.text("pack_dtype")
	switch {
	case !slices.Contains([]int{2, 3, 4, 8}, bits):
		return nil, refusal("GPTQ of %v bits", s["bits"])
	case form != "" && form != "gptq" && form != "gptq_v2":
		return nil, refusal("GPTQ in the format %q", form)
	case s.flag("is_marlin_format"):
		return nil, refusal("GPTQ in the format %q", "marlin")
	case pack != "" && pack != "int32" && pack != "torch.int32":
		return nil, refusal("GPTQ packed into %s", pack)
	case s["rotation"] != nil && s["rotation"] != "":
		return nil, refusal("GPTQ with rotation %v", s["rotation"])
	case s["adapter"] != nil:
		return nil, refusal("GPTQ with an adapter")
	}
	q := &quantization{method: gptq, name: fmt.Sprintf("GPTQ, %d bits", bits), bits: []int{bits}, groups: []int{s.number("group_size")}, v2: form == "gptq_v2"}
	if len(s.object("dynamic")) > 0 { // some modules have other settings, which their shapes tell
		q.bits, q.groups = []int{2, 3, 4, 8}, nil
	}
	return q, nil
}

// parseAWQ reads the settings of AutoAWQ.
func parseAWQ(s settings) (*quantization, error) {
	bits := s.number("bits", "w_bit")
	zero, said := s["zero_point"].(bool)
	switch version := s.text("version"); {
	case bits != 4:
		return nil, refusal("AWQ of %d bits", bits)
	case version != "" && version != "gemm":
		return nil, refusal("AWQ of version %q", version)
	case said && !zero:
		return nil, refusal("AWQ without zero points")
	}
	return &quantization{method: awq, name: "AWQ, 4 bits", bits: []int{4}, groups: []int{s.number("group_size", "q_group_size")}}, nil
}

// parseCompressedTensors reads the settings of compressed-tensors: formats, and
// for groups of modules how their weights are stored.
func parseCompressedTensors(s settings) (*quantization, error) {
	if f := s.object("sparsity_config").text("format"); f != "" && f != "dense" {
		return nil, refusal("compressed-tensors, sparsity %q", f)
	}
	if len(s.object("transform_config").object("config_groups")) > 0 {
		return nil, refusal("compressed-tensors with transforms")
	}
	q := &quantization{method: compressedTensors, name: "compressed-tensors"}
	formats := []string{s.text("format")}
	for _, key := range sortedKeys(s.object("config_groups")) {
		group := s.object("config_groups").object(key)
		formats = append(formats, group.text("format"))
		if err := q.addGroup(group.object("weights")); err != nil {
			return nil, err
		}
	}
	var said []string
	for _, f := range formats {
		switch f {
		case "", "mixed-precision", "dense":
		case "int-quantized", "float-quantized", "naive-quantized", "pack-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized":
			if !slices.Contains(said, f) {
				said = append(said, f)
			}
		default:
			return nil, refusal("compressed-tensors, format %q", f)
		}
	}
	if len(said) > 0 {
		q.name += " " + strings.Join(said, ", ")
	}
	if q.blocks == nil {
		q.blocks = [][2]int{defaultBlock}
	}
	return q, nil
}

// addGroup notes how the weights of a group of modules are stored.
func (q *quantization) addGroup(weights settings) error {
	if weights == nil { // only activations are quantized
		return nil
	}
	kind, bits, strategy := weights.text("type"), weights.number("num_bits"), weights.text("strategy")
	if kind != "" && kind != "int" && kind != "float" || bits != 0 && (bits < 1 || bits > 8) || kind == "float" && bits != 0 && bits != 4 && bits != 8 {
		return refusal("compressed-tensors, weights of %v bits and type %q", weights["num_bits"], kind)
	}
	if bits != 0 {
		q.bits = append(q.bits, bits)
	}
	block, given, ok := weights.pair("block_structure")
	if !ok {
		return fmt.Errorf("block_structure %v: %w", weights["block_structure"], ErrScale)
	}
	group := weights.number("group_size")
	switch strategy {
	case "", "tensor", "channel":
	case "group", "tensor_group":
		if group < 1 {
			return fmt.Errorf("group_size %v: %w", weights["group_size"], ErrScale)
		}
	case "block":
		if !given {
			block = defaultBlock
		}
		q.blocks = append(q.blocks, block)
	default:
		return refusal("compressed-tensors, strategy %q for weights", strategy)
	}
	if group > 0 {
		q.groups = append(q.groups, group)
		q.blocks = append(q.blocks, [2]int{1, group})
	}
	return nil
}

// modelOptAlgorithms are those of ModelOpt's quantizations that are read.
var modelOptAlgorithms = []string{"", "none", "no_quant", "fp8", "fp8_pb_wo", "fp8_per_channel_per_token", "nvfp4"}

// parseModelOpt reads the settings of NVIDIA's ModelOpt.
func parseModelOpt(s settings) (*quantization, error) {
	algorithms := []string{s.text("quant_algo")}
	if algorithms[0] == "mixed_precision" {
		algorithms = nil
		for _, key := range sortedKeys(s.object("quantized_layers")) {
			algorithms = append(algorithms, s.object("quantized_layers").object(key).text("quant_algo"))
		}
	}
	q := &quantization{method: modelOpt, name: "ModelOpt", blocks: [][2]int{defaultBlock}}
	for _, a := range algorithms {
		if !slices.Contains(modelOptAlgorithms, a) {
			return nil, refusal("ModelOpt %s", strings.ToUpper(a))
		}
		if name := strings.ToUpper(a); name != "" && !strings.Contains(q.name, name) {
			q.name += " " + name
		}
	}
	if block, given, ok := s.pair("weight_block_size"); given && ok {
		q.blocks = [][2]int{block}
	}
	return q, nil
}

// parseModelOptFile reads a hf_quant_config.json.
func parseModelOptFile(text []byte) (*quantization, error) {
	var s settings
	if err := strictjson.UnmarshalOpen(strictjson.FromPython(text), &s, ErrScale); err != nil {
		return nil, err
	}
	return parseModelOpt(s.object("quantization"))
}

func sortedKeys(s settings) []string {
	keys := make([]string, 0, len(s))
	for key := range s {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
