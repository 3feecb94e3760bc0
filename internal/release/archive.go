package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// writeArchive writes what a user unpacks anywhere: a .tar.gz, of Windows a .zip.
func writeArchive(d *dist, s *source, p program) error {
	base := "helix-substrate_" + version + "_" + p.os + "_" + p.arch
	files := []file{
		{"LICENSE", 0o644, s.license},
		{"NOTICES.txt", 0o644, p.notices},
		{"README.md", 0o644, s.readme},
		{p.program(), 0o755, p.data},
	}
	for i := range files {
		files[i].name = base + "/" + files[i].name
	}
	if p.os == "windows" {
		return d.create(base+".zip", func(w io.Writer) error { return writeZip(w, files) })
	}
	return d.create(base+".tar.gz", func(w io.Writer) error { return writeTarGz(w, files) })
}

// writeTarGz writes files, and the directories they are in, as a gzipped tar: sorted, of
// root, all at one time.
func writeTarGz(w io.Writer, files []file) error {
	z := gzip.NewWriter(w) // the header has no name, no time and no system
	if err := writeTar(z, files); err != nil {
		return err
	}
	return z.Close()
}

// writeTar is writeTarGz without compression.
func writeTar(w io.Writer, files []file) error {
	t := tar.NewWriter(w)
	for _, f := range withDirectories(files) {
		h := &tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.data)), ModTime: moment}
		if f.mode.IsDir() {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

// withDirectories returns the files, each after the directories it is in, sorted. Names
// begin with "./" where the files' do.
func withDirectories(files []file) []file {
	list := slices.Clone(files)
	seen := map[string]bool{".": true}
	for _, f := range files {
		for dir := path.Dir(f.name); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			list = append(list, file{dir + "/", fs.ModeDir | 0o755, nil})
		}
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return list
}

// writeZip writes files as a zip archive in the order given.
func writeZip(w io.Writer, files []file) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: moment}
		h.SetMode(f.mode)
		entry, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}
