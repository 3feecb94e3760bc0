package torch_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/torch"
)

var good = bytesView(0, nums(8, 8), nums(8, 1))

func TestRefusedPickles(t *testing.T) {
	if _, err := openPickle(save(str("w"), good)); err != nil {
		t.Fatal(err)
	}
	w := str("w")
	huge := int64(1) << 60
	for name, c := range map[string]struct {
		pickle string
		want   error
		text   string
	}{
		"eval":              {proto + call("builtins", "eval", str("1")) + stop, torch.ErrGlobal, `"builtins.eval"`},
		"eval of Python 2":  {proto + call("__builtin__", "eval", str("1")) + stop, torch.ErrGlobal, `"__builtin__.eval"`},
		"system":            {proto + call("posix", "system", str("true")) + stop, torch.ErrGlobal, `"posix.system"`},
		"system by stack":   {"\x80\x04" + str("os") + str("system") + "\x93" + tuple(str("true")) + "R.", torch.ErrGlobal, `"os.system"`},
		"by instance":       {proto + "(ios\nsystem\n.", torch.ErrGlobal, `"os.system"`},
		"getattr":           {proto + call("builtins", "getattr", str("a"), str("b")) + stop, torch.ErrGlobal, `"builtins.getattr"`},
		"dotted name":       {"\x80\x04" + str("torch") + str("serialization.os.system") + "\x93.", torch.ErrGlobal, "torch.serialization.os.system"},
		"torch.load":        {proto + call("torch", "load", str("x")) + stop, torch.ErrGlobal, `"torch.load"`},
		"numpy":             {proto + call("numpy.core.multiarray", "_reconstruct") + stop, torch.ErrGlobal, "numpy.core.multiarray._reconstruct"},
		"unused global":     {proto + global("os", "system") + "0N.", torch.ErrGlobal, "os.system"},
		"nameless":          {"\x80\x04" + num(1) + str("x") + "\x93.", torch.ErrPickle, "global"},
		"endless name":      {proto + "c" + strings.Repeat("a", 1000), torch.ErrPickle, "global"},
		"long name":         {"\x80\x04" + str("m") + str(strings.Repeat("x", 257)) + "\x93.", torch.ErrPickle, "global"},
		"new object":        {proto + global("collections", "OrderedDict") + ")\x81.", torch.ErrPickle, "0x81"},
		"extension":         {proto + "\x82\x01.", torch.ErrPickle, "0x82"},
		"text id":           {proto + "P0\n.", torch.ErrPickle, "0x50"},
		"text protocol":     {"(lp0\n.", torch.ErrPickle, "0x6c"},
		"protocol 6":        {"\x80\x06N.", torch.ErrPickle, "protocol 6"},
		"empty":             {"", torch.ErrPickle, ""},
		"no stop":           {proto + "N", torch.ErrPickle, ""},
		"nothing":           {proto + stop, torch.ErrPickle, "empty"},
		"two values":        {proto + "NN.", torch.ErrPickle, "left"},
		"text after":        {proto + "N." + proto, torch.ErrPickle, "left"},
		"open mark":         {proto + "(N.", torch.ErrPickle, ""},
		"no mark":           {proto + "Nt.", torch.ErrPickle, "mark"},
		"below the mark":    {proto + "}(0" + "0.", torch.ErrPickle, ""},
		"below by tuple":    {proto + "N(\x85.", torch.ErrPickle, ""},
		"odd items":         {proto + "}(Nu.", torch.ErrPickle, ""},
		"items of a number": {proto + "K\x01(NNu.", torch.ErrPickle, ""},
		"append to a tuple": {proto + ")Na.", torch.ErrPickle, ""},
		"forgotten":         {proto + "h\x00.", torch.ErrPickle, ""},
		"remember nothing":  {proto + "q\x00N.", torch.ErrPickle, ""},
		"long string":       {proto + "X\xff\xff\xff\x7fab.", torch.ErrPickle, "expected"},
		"longer string":     {proto + "\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.", torch.ErrPickle, "expected"},
		"long integer":      {proto + "\x8b\xff\xff\xff\xff.", torch.ErrPickle, "expected"},
		"long frame":        {"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.", torch.ErrPickle, "expected"},
		"call a dtype":      {proto + call("torch", "float16") + stop, torch.ErrPickle, "torch.float16"},
		"call a string":     {proto + str("a") + ")R.", torch.ErrPickle, "str"},
		"call with a list":  {proto + global("collections", "OrderedDict") + "]R.", torch.ErrPickle, "list"},
		"attributes":        {proto + "K\x01}b.", torch.ErrPickle, "attributes"},
		"arguments":         {proto + call("torch._utils", "_rebuild_tensor_v2", num(1)) + stop, torch.ErrPickle, "_rebuild_tensor_v2"},
		"argument types":    {proto + call("torch._utils", "_rebuild_tensor_v2", "N", "N", "N", "N", "N", "N") + stop, torch.ErrPickle, "_rebuild_tensor_v2"},
		"v3 without dtype":  {proto + call("torch._utils", "_rebuild_tensor_v3", storage("0", "ByteStorage", 64), num(0), nums(1), nums(1), "\x89", "}", "N") + stop, torch.ErrPickle, ""},
		"parameter":         {proto + call("torch._utils", "_rebuild_parameter", "N", "N", "N") + stop, torch.ErrPickle, ""},
		"size":              {proto + call("torch", "Size", num(1)) + stop, torch.ErrPickle, ""},
		"ordered dict":      {proto + call("collections", "OrderedDict", "]") + stop, torch.ErrPickle, ""},
		"device":            {proto + call("torch", "device") + stop, torch.ErrPickle, ""},
		"id of a string":    {proto + str("storage") + "Q.", torch.ErrPickle, "persistent"},
		"id of a module":    {proto + tuple(str("module"), "N", "N", "N", "N") + "Q.", torch.ErrPickle, "persistent"},
		"class of a string": {proto + tuple(str("storage"), str("FloatStorage"), str("0"), str("cpu"), num(16)) + "Q.", torch.ErrPickle, "class"},
		"class of a dtype":  {proto + tuple(str("storage"), global("torch", "float32"), str("0"), str("cpu"), num(16)) + "Q.", torch.ErrPickle, "class"},

		"missing storage":    {save(w, view(storage("7", "ByteStorage", 64), 0, nums(1), nums(1))), torch.ErrStorage, `"7"`},
		"storage elsewhere":  {save(w, view(storage("../data.pkl", "ByteStorage", 64), 0, nums(1), nums(1))), torch.ErrStorage, "not in the archive"},
		"storage too large":  {save(w, view(storage("0", "ByteStorage", 65), 0, nums(1), nums(1))), torch.ErrStorage, "64 bytes"},
		"storage too small":  {save(w, view(storage("0", "ByteStorage", 63), 0, nums(1), nums(1))), torch.ErrStorage, "64 bytes"},
		"storage overflow":   {save(w, view(storage("0", "FloatStorage", 1<<62+16), 0, nums(1), nums(1))), torch.ErrStorage, "64 bytes"},
		"negative storage":   {save(w, view(storage("0", "ByteStorage", -64), 0, nums(1), nums(1))), torch.ErrStorage, "64 bytes"},
		"split elements":     {save(w, view(storage("1", "HalfStorage", 1), 0, nums(1), nums(1))), torch.ErrStorage, "3 bytes"},
		"split by dtype":     {save(w, call("torch._utils", "_rebuild_tensor_v3", storage("1", "ByteStorage", 3), num(0), nums(1), nums(1), "\x89", "}", global("torch", "float16"))), torch.ErrStorage, "3 bytes"},
		"2^60 elements":      {save(w, bytesView(0, nums(huge), nums(1))), torch.ErrShape, ""},
		"2^60 of one":        {save(w, bytesView(0, nums(huge), nums(0))), torch.ErrShape, ""},
		"expanded":           {save(w, bytesView(0, nums(65), nums(0))), torch.ErrShape, ""},
		"overflowing":        {save(w, bytesView(0, nums(huge, huge), nums(1, 1))), torch.ErrShape, ""},
		"overflow to zero":   {save(w, bytesView(0, nums(1<<32, 1<<32), nums(1, 1))), torch.ErrShape, ""},
		"negative shape":     {save(w, bytesView(0, nums(-1), nums(1))), torch.ErrShape, ""},
		"negative stride":    {save(w, bytesView(63, nums(2), nums(-1))), torch.ErrShape, ""},
		"negative offset":    {save(w, bytesView(-1, nums(1), nums(1))), torch.ErrShape, ""},
		"offset at the end":  {save(w, bytesView(64, nums(1), nums(1))), torch.ErrShape, ""},
		"offset far beyond":  {save(w, bytesView(huge, nums(0), nums(1))), torch.ErrShape, ""},
		"end beyond":         {save(w, bytesView(1, nums(8, 8), nums(8, 1))), torch.ErrShape, "beyond"},
		"stride beyond":      {save(w, bytesView(0, nums(2), nums(64))), torch.ErrShape, "beyond"},
		"strides together":   {save(w, bytesView(0, nums(2, 2), nums(32, 32))), torch.ErrShape, "beyond"},
		"stride overflow":    {save(w, bytesView(0, nums(3, 3), nums(1<<62, 1<<62))), torch.ErrShape, "beyond"},
		"too few strides":    {save(w, bytesView(0, nums(8, 8), nums(1))), torch.ErrShape, ""},
		"too many dims":      {save(w, bytesView(0, nums(make([]int64, 17)...), nums(make([]int64, 17)...))), torch.ErrPickle, ""},
		"fractional shape":   {save(w, bytesView(0, tuple("G\x3f\xf0\x00\x00\x00\x00\x00\x00"), nums(1))), torch.ErrPickle, ""},
		"shape of bools":     {save(w, bytesView(0, tuple("\x88"), nums(1))), torch.ErrPickle, ""},
		"metadata":           {save(w, call("torch._utils", "_rebuild_tensor_v2", storage("0", "ByteStorage", 64), num(0), nums(1), nums(1), "\x89", "}", dict(str("neg"), "\x88"))), torch.ErrUnsupported, "metadata"},
		"name twice":         {save(w, good, w, good), torch.ErrPickle, `"w"`},
		"name twice by dots": {save(str("a.b"), good, str("a"), dict(str("b"), good)), torch.ErrPickle, `"a.b"`},
		"empty name":         {save(str(""), good), torch.ErrPickle, `""`},
		"name of no text":    {save(str("\xff"), good), torch.ErrPickle, ""},
		"key of a tuple":     {save(")", good), torch.ErrPickle, ""},
		"in itself":          {proto + "]q\x00" + "h\x00a.", torch.ErrPickle, "deep"},
		"wrapped in itself":  {proto + "}q\x00" + str("model") + "h\x00s.", torch.ErrPickle, ""},
	} {
		_, err := openPickle(c.pickle)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "test.pt: data.pkl: ") {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
		}
	}
}

// Small pickles must not make much: memory or time.
func TestBombs(t *testing.T) {
	var doubled strings.Builder // list i holds list i-1 twice
	doubled.WriteString("]")
	for range 60 {
		doubled.WriteString("q\x00]h\x00ah\x00a")
	}
	wide := "](" + strings.Repeat("K\x01", 1<<16) + "eq\x00" // a long list, remembered
	for name, pickle := range map[string]string{
		"stack":        proto + strings.Repeat("]", 1<<21),
		"marks":        proto + strings.Repeat("(", 1<<23),
		"memory":       proto + "]" + strings.Repeat("\x94", 1<<23),
		"doubled":      proto + doubled.String() + stop,
		"wide":         proto + wide + "](" + strings.Repeat("h\x00", 1<<16) + "e.",
		"long names":   proto + "](" + str(strings.Repeat("x", 1<<16)) + "q\x00" + strings.Repeat("}h\x00"+good+"s", 1000) + "e.",
		"deep":         proto + strings.Repeat("]", 1000) + strings.Repeat("a", 999) + stop,
		"all the same": proto + "}q\x00" + "(" + str("model") + "h\x00" + str("module") + "h\x00" + str("state_dict") + "h\x00u.",
	} {
		archive := packPickle(pickle)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := openBytes(archive)
		runtime.ReadMemStats(&after)
		if name == "long names" && err == nil {
			continue // a thousand tensors, one name each
		}
		if !errors.Is(err, torch.ErrPickle) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20+200*uint64(len(archive)) {
			t.Errorf("%s: %d bytes for %d", name, grown, len(archive))
		}
	}
}

func TestRefusedArchives(t *testing.T) {
	pickle := save(str("w"), good)
	content := []file{{"m/data.pkl", pickle}, {"m/data/0", strings.Repeat("x", 64)}, {"m/byteorder", "little"}}
	whole := pack(content...)
	if _, err := openBytes(whole); err != nil {
		t.Fatal(err)
	}
	// directory changes a field of the entry data/0 in the zip directory.
	directory := func(offset int, value uint32) []byte {
		b := bytes.Clone(whole)
		entry := bytes.LastIndex(b, []byte("m/data/0")) - 46
		binary.LittleEndian.PutUint32(b[entry+offset:], value)
		return b
	}
	const size, compressed, header = 24, 20, 42
	sized := func(n uint32) []byte {
		b := directory(size, n)
		entry := bytes.LastIndex(b, []byte("m/data/0")) - 46
		binary.LittleEndian.PutUint32(b[entry+compressed:], n)
		return b
	}
	encrypted := bytes.Clone(whole)
	encrypted[bytes.LastIndex(encrypted, []byte("m/data/0"))-46+8] |= 1
	tar := make([]byte, 1024)
	copy(tar[257:], "ustar")
	with := func(more ...file) []byte { return pack(append(content[:3:3], more...)...) }
	for name, c := range map[string]struct {
		file []byte
		want error
		text string
	}{
		"empty":             {nil, torch.ErrTruncated, "0 bytes"},
		"two bytes":         {whole[:2], torch.ErrTruncated, "2 bytes"},
		"cut":               {whole[:len(whole)/2], torch.ErrTruncated, "directory"},
		"last byte":         {whole[:len(whole)-1], torch.ErrTruncated, "directory"},
		"text":              {[]byte("not an archive"), torch.ErrFormat, "zip"},
		"git pointer":       {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), torch.ErrFormat, "git lfs pull"},
		"legacy":            {[]byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), torch.ErrLegacy, "torch.save"},
		"legacy, framed":    {[]byte("\x80\x04\x95\x0d\x00\x00\x00\x00\x00\x00\x00\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), torch.ErrLegacy, "torch.save"},
		"tar":               {tar, torch.ErrLegacy, "tar"},
		"compressed":        {packBy(zip.Deflate, content...), torch.ErrFormat, "compressed"},
		"encrypted":         {encrypted, torch.ErrFormat, "encrypted"},
		"twice":             {with(file{"m/data/0", ""}), torch.ErrFormat, "twice"},
		"no pickle":         {pack(content[1:]...), torch.ErrFormat, "data.pkl"},
		"pickle at the top": {pack(file{"data.pkl", pickle}), torch.ErrFormat, "data.pkl"},
		"two pickles":       {with(file{"n/data.pkl", pickle}), torch.ErrFormat, "n/data.pkl"},
		"program":           {with(file{"m/constants.pkl", ""}), torch.ErrFormat, "TorchScript"},
		"byte order":        {pack(content[0], content[1], file{"m/byteorder", "middle endian"}), torch.ErrFormat, "middle"},
		"entry beyond":      {sized(1 << 30), torch.ErrTruncated, "m/data/0"},
		"entry over next":   {sized(100), torch.ErrFormat, "overlaps"},
		"header beyond":     {directory(header, 1<<30), torch.ErrTruncated, "m/data/0"},
		"header elsewhere":  {directory(header, 3), torch.ErrFormat, "m/data/0"},
		"header of another": {directory(header, 0), torch.ErrFormat, "overlaps"},
		"two sizes":         {directory(size, 63), torch.ErrFormat, "m/data/0"},
		"smaller":           {sized(63), torch.ErrStorage, "63 bytes"},
	} {
		_, err := openBytes(c.file)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "test.pt: ") {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
		}
	}
}
