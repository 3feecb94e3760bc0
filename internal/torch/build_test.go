package torch_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/torch"
)

// The functions here make archives and pickles that torch.save would not.

// file is an entry of an archive.
type file struct {
	name, data string
}

// pack makes an uncompressed zip archive.
func pack(files ...file) []byte { return packBy(zip.Store, files...) }

func packBy(method uint16, files ...file) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err == nil {
			_, err = entry.Write([]byte(f.data))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func openBytes(b []byte) (*torch.File, error) {
	return torch.NewFile(context.Background(), bytes.NewReader(b), int64(len(b)), "test.pt")
}

// openPickle opens an archive of a pickle, one storage "0" of 64 bytes (0, 1, …),
// and "1" of 3 bytes.
func openPickle(pickle string) (*torch.File, error) { return openBytes(packPickle(pickle)) }

func packPickle(pickle string) []byte {
	data := make([]byte, 64)
	for i := range data {
		data[i] = byte(i)
	}
	return pack(file{"m/data.pkl", pickle}, file{"m/data/0", string(data)}, file{"m/data/1", "abc"})
}

const proto, stop = "\x80\x02", "."

func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func num(n int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func global(module, name string) string { return "c" + module + "\n" + name + "\n" }

func tuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

func nums(list ...int64) string {
	var items []string
	for _, n := range list {
		items = append(items, num(n))
	}
	return tuple(items...)
}

func call(module, name string, arguments ...string) string {
	return global(module, name) + tuple(arguments...) + "R"
}

func dict(items ...string) string { return "}(" + strings.Join(items, "") + "u" }

func storage(key, class string, n int64) string {
	return tuple(str("storage"), global("torch", class), str(key), str("cpu"), num(n)) + "Q"
}

// view is a tensor of a storage.
func view(storage string, offset int64, shape, strides string) string {
	return call("torch._utils", "_rebuild_tensor_v2", storage, num(offset), shape, strides, "\x89", "}")
}

// bytesView is a tensor of the storage "0" as bytes.
func bytesView(offset int64, shape, strides string) string {
	return view(storage("0", "ByteStorage", 64), offset, shape, strides)
}

// save is the pickle of a dictionary.
func save(items ...string) string { return proto + dict(items...) + stop }
