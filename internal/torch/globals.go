package torch

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// global is a Python object that a pickle may name.
type global struct {
	name string
	// One of:
	call    func(arguments tuple) (any, error)
	storage dtype.Type // of a storage class's elements
	dtype   dtype.Type // a torch.dtype
}

// globals lists all of them.
var globals = func() map[string]*global {
	m := map[string]*global{}
	for name, f := range map[string]func(tuple) (any, error){
		"collections.OrderedDict":                    newOrderedDict,
		"torch.Size":                                 newSize,
		"torch.device":                               newDevice,
		"torch._utils._rebuild_tensor_v2":            rebuildV2,
		"torch._utils._rebuild_tensor_v3":            rebuildV3,
		"torch._utils._rebuild_parameter":            rebuildParameter,
		"torch._utils._rebuild_parameter_with_state": rebuildParameter,
	} {
		m[name] = &global{name: name, call: f}
	}
	for class, t := range map[string]dtype.Type{
		"torch.DoubleStorage": dtype.F64, "torch.FloatStorage": dtype.F32, "torch.HalfStorage": dtype.F16,
		"torch.BFloat16Storage": dtype.BF16, "torch.LongStorage": dtype.I64, "torch.IntStorage": dtype.I32,
		"torch.ShortStorage": dtype.I16, "torch.CharStorage": dtype.I8, "torch.ByteStorage": dtype.U8,
		"torch.BoolStorage": dtype.Bool, "torch.storage.UntypedStorage": dtype.U8, "torch.UntypedStorage": dtype.U8,
		"torch.storage._UntypedStorage": dtype.U8, // PyTorch 1.11
	} {
		m[class] = &global{name: class, storage: t}
	}
	for name, t := range map[string]dtype.Type{
		"float64": dtype.F64, "float32": dtype.F32, "float16": dtype.F16, "bfloat16": dtype.BF16,
		"float8_e4m3fn": dtype.F8E4M3, "float8_e5m2": dtype.F8E5M2, "float8_e8m0fnu": dtype.F8E8M0,
		"int64": dtype.I64, "int32": dtype.I32, "int16": dtype.I16, "int8": dtype.I8,
		"uint64": dtype.U64, "uint32": dtype.U32, "uint16": dtype.U16, "uint8": dtype.U8, "bool": dtype.Bool,
	} {
		m["torch."+name] = &global{name: "torch." + name, dtype: t}
	}
	return m
}()

// unsupported tells why some globals of tensors are not read.
var unsupported = map[string]string{
	"torch._utils._rebuild_qtensor":                       "quantized",
	"torch._utils._rebuild_sparse_tensor":                 "sparse",
	"torch._utils._rebuild_sparse_csr_tensor":             "sparse",
	"torch._utils._rebuild_nested_tensor":                 "nested",
	"torch._utils._rebuild_meta_tensor_no_storage":        "without data (on the meta device)",
	"torch._utils._rebuild_device_tensor_from_numpy":      "of an accelerator",
	"torch._utils._rebuild_device_tensor_from_cpu_tensor": "of an accelerator",
	"torch.ComplexFloatStorage":                           "complex",
	"torch.ComplexDoubleStorage":                          "complex",
	"torch.complex32":                                     "complex",
	"torch.complex64":                                     "complex",
	"torch.complex128":                                    "complex",
	"torch.QInt8Storage":                                  "quantized",
	"torch.QUInt8Storage":                                 "quantized",
	"torch.QInt32Storage":                                 "quantized",
	"torch.QUInt4x2Storage":                               "quantized",
	"torch.QUInt2x4Storage":                               "quantized",
	"torch.qint8":                                         "quantized",
	"torch.quint8":                                        "quantized",
	"torch.qint32":                                        "quantized",
	"torch.quint4x2":                                      "quantized",
	"torch.float8_e4m3fnuz":                               "float8_e4m3fnuz",
	"torch.float8_e5m2fnuz":                               "float8_e5m2fnuz",
	"torch.float4_e2m1fn_x2":                              "float4_e2m1fn_x2",
}

// lookUp returns the global of that name if it is harmless.
func lookUp(module, name string) (any, error) {
	full := module + "." + name
	if g := globals[full]; g != nil {
		return g, nil
	}
	if why := unsupported[full]; why != "" {
		return nil, fmt.Errorf("%w: %s (%s)", ErrUnsupported, why, full)
	}
	return nil, fmt.Errorf("%w %q (save the state_dict alone)", ErrGlobal, full)
}

// kind names a value's Python type.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case *dict:
		return "dict"
	case *list:
		return "list"
	case tuple:
		return "tuple"
	case string:
		return "str"
	case *view:
		return "Tensor"
	case *storage:
		return "Storage"
	case *global:
		return v.name
	}
	return "value"
}

// persistentStorage resolves the id ('storage', class, key, device, elements).
func persistentStorage(id any, find func(string, dtype.Type, int64) (*storage, error)) (any, error) {
	t, _ := id.(tuple)
	if len(t) != 5 || t[0] != any("storage") {
		return nil, fmt.Errorf("persistent id is no storage: %w", ErrPickle)
	}
	class, ok1 := t[1].(*global)
	key, ok2 := t[2].(string)
	n, ok3 := t[4].(int64)
	if !ok1 || class.storage == "" || !ok2 || !ok3 {
		return nil, fmt.Errorf("storage of class %s: %w", kind(t[1]), ErrPickle)
	}
	return result(find(key, class.storage, n))
}

// result makes a nil pointer beside an error a nil value.
func result[T any](v *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func call(callee, arguments any) (any, error) {
	g, _ := callee.(*global)
	t, ok := arguments.(tuple)
	if g == nil || g.call == nil || !ok {
		return nil, fmt.Errorf("call of a %s with a %s: %w", kind(callee), kind(arguments), ErrPickle)
	}
	v, err := g.call(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.name, err)
	}
	return v, nil
}

func badArguments(t tuple) error { return fmt.Errorf("its %d arguments: %w", len(t), ErrPickle) }

// newOrderedDict is OrderedDict(); its items follow.
func newOrderedDict(t tuple) (any, error) {
	if len(t) > 0 {
		return nil, badArguments(t)
	}
	return &dict{}, nil
}

// newSize is torch.Size(tuple), a tuple.
func newSize(t tuple) (any, error) {
	if len(t) == 1 {
		if size, ok := t[0].(tuple); ok {
			return size, nil
		}
	}
	return nil, badArguments(t)
}

// newDevice is torch.device(type) or torch.device(type, index).
func newDevice(t tuple) (any, error) {
	if len(t) < 1 || len(t) > 2 {
		return nil, badArguments(t)
	}
	return opaque{}, nil
}

// rebuildParameter is _rebuild_parameter(tensor, requires_grad, hooks), followed
// by the parameter's attributes if it has any.
func rebuildParameter(t tuple) (any, error) {
	if len(t) == 3 || len(t) == 4 {
		if v, ok := t[0].(*view); ok {
			return v, nil
		}
	}
	return nil, badArguments(t)
}

// rebuildV2 is _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad,
// hooks) and perhaps metadata.
func rebuildV2(t tuple) (any, error) {
	if len(t) != 6 && len(t) != 7 {
		return nil, badArguments(t)
	}
	return rebuild(t, "", t[6:])
}

// rebuildV3 has a dtype for elements of an untyped storage after the hooks.
func rebuildV3(t tuple) (any, error) {
	if len(t) != 7 && len(t) != 8 {
		return nil, badArguments(t)
	}
	g, _ := t[6].(*global)
	if g == nil || g.dtype == "" {
		return nil, badArguments(t)
	}
	return rebuild(t, g.dtype, t[7:])
}

// rebuild makes a tensor of its storage, whose bytes are of the given type instead
// of its own unless that is empty.
func rebuild(t tuple, typ dtype.Type, metadata []any) (any, error) {
	s, ok1 := t[0].(*storage)
	start, ok2 := t[1].(int64)
	shape, ok3 := integers(t[2])
	strides, ok4 := integers(t[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, badArguments(t)
	}
	for _, m := range metadata {
		// It tells that values are to be negated or conjugated when read.
		if d, ok := m.(*dict); m != nil && (!ok || len(d.pairs) > 0) {
			return nil, fmt.Errorf("%w: with metadata", ErrUnsupported)
		}
	}
	if typ != "" {
		bytes, size := s.n*int64(s.dtype.Size()), int64(typ.Size())
		if bytes%size != 0 {
			return nil, fmt.Errorf("%w %q: %d bytes are no whole elements of %s", ErrStorage, s.key, bytes, typ)
		}
		s = &storage{key: s.key, offset: s.offset, n: bytes / size, dtype: typ, bigEndian: s.bigEndian}
	}
	return result(newView(s, start, shape, strides))
}

// integers returns a tuple or list of integers.
func integers(v any) ([]int64, bool) {
	items, ok := v.(tuple)
	if l, isList := v.(*list); isList {
		items, ok = l.items, true
	}
	if !ok || len(items) > maxDims {
		return nil, false
	}
	numbers := make([]int64, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}
