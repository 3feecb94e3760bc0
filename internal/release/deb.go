package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
)

// writeDeb writes a Debian package: an ar archive of two tars (deb(5)). It is made here, as
// two small formats are less than a library that knows all packagers.
func writeDeb(d *dist, s *source, p program) error {
	files := []file{
		{"usr/bin/helix-substrate", 0o755, p.data},
		{"usr/share/doc/helix-substrate/NOTICES.txt", 0o644, p.notices},
		{"usr/share/doc/helix-substrate/README.md", 0o644, s.readme},
		{"usr/share/doc/helix-substrate/copyright", 0o644, s.license},
	}
	var size int
	var sums bytes.Buffer
	for _, f := range files {
		size += (len(f.data) + 1023) / 1024
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.data), f.name) // the format's own check, no more than that
	}
	var fields bytes.Buffer
	for _, f := range [][2]string{
		{"Package", "helix-substrate"},
		{"Version", version},
		{"Architecture", p.arch}, // Debian's names are Go's
		{"Maintainer", "the helix-substrate authors <noreply@helix-substrate.invalid>"},
		{"Installed-Size", fmt.Sprint(size)},
		{"Section", "science"},
		{"Priority", "optional"},
		{"Homepage", "https://github.com/helix-substrate/helix-substrate"},
		{"Description", "compresses model weights, proves it, and runs models within a memory limit"},
	} {
		fmt.Fprintf(&fields, "%s: %s\n", f[0], f[1])
	}
	control := []file{{"control", 0o644, fields.Bytes()}, {"md5sums", 0o644, sums.Bytes()}}
	members := []file{{"debian-binary", 0o644, []byte("2.0\n")}}
	for _, m := range []struct {
		name  string
		files []file
	}{{"control.tar.gz", control}, {"data.tar.gz", files}} {
		var b bytes.Buffer
		if err := writeTarGz(&b, m.files); err != nil {
			return err
		}
		members = append(members, file{m.name, 0o644, b.Bytes()})
	}
	return d.create("helix-substrate_"+version+"_"+p.arch+".deb", func(w io.Writer) error { return writeAr(w, members) })
}

// writeAr writes an ar archive, of which names are of 16 bytes at most.
func writeAr(w io.Writer, files []file) error {
	if _, err := io.WriteString(w, "!<arch>\n"); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := fmt.Fprintf(w, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", f.name, moment.Unix(), 0, 0, 0o100000|f.mode.Perm(), len(f.data), f.data); err != nil {
			return err
		}
		if len(f.data)%2 == 1 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}
