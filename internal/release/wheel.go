package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeWheel writes a Python wheel (PEP 427) of the package helix_substrate and the
// program, which an installer puts beside Python's own.
func writeWheel(d *dist, s *source, p program) error {
	base := "helix_substrate-" + version
	info := base + ".dist-info/"
	var tags strings.Builder
	for _, tag := range p.wheel {
		fmt.Fprintf(&tags, "Tag: py3-none-%s\n", tag)
	}
	files := append(slices.Clone(s.python),
		file{base + ".data/scripts/" + p.program(), 0o755, p.data},
		file{info + "METADATA", 0o644, wheelMetadata(s.pythonReadme)},
		file{info + "WHEEL", 0o644, []byte("Wheel-Version: 1.0\nGenerator: helix-substrate " + version + "\nRoot-Is-Purelib: false\n" + tags.String())},
		file{info + "licenses/LICENSE", 0o644, s.license},
		file{info + "licenses/NOTICES.txt", 0o644, p.notices},
	)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var record bytes.Buffer
	for _, f := range files {
		hash := sha256.Sum256(f.data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(hash[:]), len(f.data))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	files = append(files, file{info + "RECORD", 0o644, record.Bytes()}) // last, as PEP 427 recommends
	return d.create(base+"-py3-none-"+strings.Join(p.wheel, ".")+".whl", func(w io.Writer) error { return writeZip(w, files) })
}

// wheelMetadata is the core metadata of the wheel, with a description for people.
func wheelMetadata(readme []byte) []byte {
	return fmt.Appendf(nil, `Metadata-Version: 2.4
Name: helix-substrate
Version: %s
Summary: Compress model weights, prove what the compression did, and run models straight from the compressed form
License-Expression: MIT
License-File: LICENSE
License-File: NOTICES.txt
Project-URL: Homepage, https://github.com/helix-substrate/helix-substrate
Requires-Python: >=3.10
Requires-Dist: numpy>=1.24
Description-Content-Type: text/markdown

%s`, version, readme)
}
