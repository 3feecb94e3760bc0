package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// release makes the packages of every platform, of programs that are a few bytes, and
// returns their directory.
func release(t *testing.T) string {
	t.Helper()
	s := &source{readme: []byte("# read"), license: []byte("MIT"), python: []file{{"helix_substrate/__init__.py", 0o644, []byte("x = 1\n")}}, pythonReadme: []byte("# python\n")}
	d := &dist{dir: t.TempDir()}
	var image []program
	for _, p := range all {
		built := program{p, []byte("program of " + p.String()), []byte("notices")}
		d.programs = append(d.programs, sum{digest(built.data), p.String()})
		for _, write := range []func(*dist, *source, program) error{writeArchive, writeWheel} {
			if err := write(d, s, built); err != nil {
				t.Fatal(err)
			}
		}
		if p.os == "linux" {
			if err := writeDeb(d, s, built); err != nil {
				t.Fatal(err)
			}
			image = append(image, built)
		}
	}
	if err := writeImage(d, image); err != nil {
		t.Fatal(err)
	}
	if err := d.writeSums(); err != nil {
		t.Fatal(err)
	}
	return d.dir
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpack returns the entries of a tar, directories as well.
func unpack(t *testing.T, r io.Reader) (list []file) {
	t.Helper()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(moment) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s: %+v", h.Name, h)
		}
		list = append(list, file{h.Name, h.FileInfo().Mode(), data})
	}
}

func unzipped(t *testing.T, b []byte) io.Reader {
	t.Helper()
	if !bytes.Equal(b[:10], []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}) {
		t.Errorf("header %x", b[:10])
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestSums: every file of a release is in SHA256SUMS, and the programs' hashes are those
// of the programs.
func TestSums(t *testing.T) {
	dir := release(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(read(t, dir, "SHA256SUMS")), "\n"), "\n")
	if len(lines) != len(entries)-1 || len(lines) != 6+6+2+1+1 || !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) }) {
		t.Errorf("%d entries\n%s", len(entries), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if hash, name, _ := strings.Cut(line, "  "); hash != digest(read(t, dir, name)) {
			t.Errorf("%s: %s", name, hash)
		}
	}
	if programs := string(read(t, dir, "helix-substrate_"+version+"_programs.txt")); !strings.Contains(programs, digest([]byte("program of darwin/arm64"))+"  darwin/arm64\n") {
		t.Error(programs)
	}
}

// TestSame: two releases have the same bytes.
func TestSame(t *testing.T) {
	if a, b := read(t, release(t), "SHA256SUMS"), read(t, release(t), "SHA256SUMS"); !bytes.Equal(a, b) {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestArchives(t *testing.T) {
	dir := release(t)
	base := "helix-substrate_" + version + "_"
	files := unpack(t, unzipped(t, read(t, dir, base+"linux_arm64.tar.gz")))
	if got := names(files); got != "B/ B/LICENSE B/NOTICES.txt B/README.md B/helix-substrate" {
		t.Error(got)
	}
	if last := files[4]; last.mode != 0o755 || string(last.data) != "program of linux/arm64" {
		t.Errorf("%+v", last)
	}
	packed := read(t, dir, base+"windows_amd64.zip")
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	if last := z.File[len(z.File)-1]; last.Name != base+"windows_amd64/helix-substrate.exe" || last.Mode() != 0o755 || !last.Modified.Equal(moment) {
		t.Errorf("%+v", last.FileHeader)
	}
}

// names lists files, with B for the archive's own folder.
func names(files []file) string {
	var list []string
	for _, f := range files {
		list = append(list, regexp.MustCompile(`^helix-substrate_[^/]*/`).ReplaceAllString(f.name, "B/"))
	}
	return strings.Join(list, " ")
}

// TestDeb reads a Debian package as deb(5) has it, and with Debian's own program where
// there is one.
func TestDeb(t *testing.T) {
	path := filepath.Join(release(t), "helix-substrate_"+version+"_amd64.deb")
	rest, ok := bytes.CutPrefix(read(t, path), []byte("!<arch>\n"))
	if !ok {
		t.Fatal("no archive")
	}
	members := map[string][]byte{}
	for len(rest) > 0 {
		var size int
		header := string(rest[:60])
		if _, err := fmt.Sscan(header[48:58], &size); err != nil || header[58:] != "`\n" {
			t.Fatalf("%q: %v", header, err)
		}
		members[strings.TrimSpace(header[:16])] = rest[60 : 60+size]
		rest = rest[60+size+size%2:]
	}
	if string(members["debian-binary"]) != "2.0\n" {
		t.Errorf("version %q", members["debian-binary"])
	}
	control := unpack(t, unzipped(t, members["control.tar.gz"]))
	data := unpack(t, unzipped(t, members["data.tar.gz"]))
	if !strings.Contains(string(control[0].data), "Version: "+version+"\nArchitecture: amd64\n") {
		t.Errorf("%s", control[0].data)
	}
	i := slices.IndexFunc(data, func(f file) bool { return f.name == "usr/bin/helix-substrate" })
	if i < 0 || data[i].mode != 0o755 || string(data[i].data) != "program of linux/amd64" {
		t.Errorf("%+v", data)
	}
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg-deb")
	}
	for _, args := range [][]string{{"--info", path}, {"--contents", path}, {"--extract", path, t.TempDir()}} {
		if out, err := exec.Command("dpkg-deb", args...).CombinedOutput(); err != nil {
			t.Errorf("dpkg-deb %s: %v\n%s", args, err, out)
		}
	}
}

// TestImage follows the image's index to the program of each platform, comparing every hash.
func TestImage(t *testing.T) {
	blobs := map[string][]byte{}
	for _, f := range unpack(t, bytes.NewReader(read(t, release(t), "helix-substrate_"+version+"_oci.tar"))) {
		if hash, ok := strings.CutPrefix(f.name, "blobs/sha256/"); ok && hash != "" && hash != digest(f.data) {
			t.Errorf("%s is not what its name says", f.name)
		}
		blobs[f.name] = f.data
	}
	container := string(read(t, "../../deploy/Containerfile"))
	whom := container[strings.LastIndex(container, "/etc/ssl/"):]
	whom, _, _ = strings.Cut(whom, "\n")
	follow := func(d descriptor, v any) []byte {
		b := blobs["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
		if len(b) != d.Size {
			t.Fatalf("%+v: %d bytes", d, len(b))
		}
		if v != nil {
			if err := json.Unmarshal(b, v); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	var index, images imageIndex
	if err := json.Unmarshal(blobs["index.json"], &index); err != nil || len(index.Manifests) != 1 || string(blobs["oci-layout"]) != `{"imageLayoutVersion":"1.0.0"}` {
		t.Fatalf("%s: %v", blobs["index.json"], err)
	}
	follow(index.Manifests[0], &images)
	if len(images.Manifests) != 2 {
		t.Fatalf("%+v", images)
	}
	for _, m := range images.Manifests {
		var manifest imageManifest
		var config imageConfig
		follow(m, &manifest)
		follow(manifest.Config, &config)
		layer, err := io.ReadAll(unzipped(t, follow(manifest.Layers[0], nil)))
		if err != nil || config.RootFS.DiffIDs[0] != "sha256:"+digest(layer) || config.Architecture != m.Platform.Architecture {
			t.Errorf("%+v: %v", config, err)
		}
		files := unpack(t, bytes.NewReader(layer))
		if last := files[len(files)-1]; last.name != "helix-substrate" || last.mode != 0o755 || string(last.data) != "program of linux/"+config.Architecture {
			t.Errorf("%+v", files)
		}
		i := slices.IndexFunc(files, func(f file) bool { return "/"+f.name == whom })
		if i < 0 || !x509.NewCertPool().AppendCertsFromPEM(files[i].data) || bytes.Count(files[i].data, []byte("BEGIN CERTIFICATE")) < 100 {
			t.Errorf("authorities: %s", names(files))
		}
	}
}

// TestContainerfile: the image of a release does what the one of deploy does.
func TestContainerfile(t *testing.T) {
	text := string(read(t, "../../deploy/Containerfile"))
	value := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + ` (.*)$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s", key)
		}
		return m[1]
	}
	var entrypoint, arguments []string
	for key, list := range map[string]*[]string{"ENTRYPOINT": &entrypoint, "CMD": &arguments} {
		if err := json.Unmarshal([]byte(value(key)), list); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(entrypoint, imageEntrypoint) || !slices.Equal(arguments, imageArguments) ||
		value("USER") != imageUser || value("EXPOSE")+"/tcp" != imagePort || value("STOPSIGNAL") != imageStopSignal {
		t.Errorf("%q %q", entrypoint, arguments)
	}
}

// TestWheel: a wheel's RECORD has every file with its hash, and its tags are its name's.
func TestWheel(t *testing.T) {
	for _, p := range all {
		name := "helix_substrate-" + version + "-py3-none-" + strings.Join(p.wheel, ".") + ".whl"
		packed := read(t, release(t), name)
		z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			t.Fatal(err)
		}
		var record strings.Builder
		files := map[string]string{}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = string(data)
			if base, ok := strings.CutSuffix(f.Name, "RECORD"); ok {
				fmt.Fprintf(&record, "%sRECORD,,\n", base)
				break // it is the last
			}
			hash := sha256.Sum256(data)
			fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.Name, base64.RawURLEncoding.EncodeToString(hash[:]), len(data))
		}
		info := "helix_substrate-" + version + ".dist-info/"
		if len(files) != len(z.File) || files[info+"RECORD"] != record.String() {
			t.Errorf("%s\n%s", files[info+"RECORD"], &record)
		}
		if script := files["helix_substrate-"+version+".data/scripts/"+p.program()]; script != "program of "+p.String() {
			t.Errorf("%s: %q", p, script)
		}
		for _, tag := range p.wheel {
			if !strings.Contains(files[info+"WHEEL"], "\nTag: py3-none-"+tag+"\n") {
				t.Errorf("%s\n%s", tag, files[info+"WHEEL"])
			}
		}
		if !strings.HasPrefix(files[info+"METADATA"], "Metadata-Version: 2.4\nName: helix-substrate\nVersion: "+version+"\n") || !strings.HasSuffix(files[info+"METADATA"], "\n\n# python\n") {
			t.Errorf("%s", files[info+"METADATA"])
		}
	}
}

// TestEnvironment: neither variables nor what "go env -w" wrote reach what is compiled, but for where modules come from.
func TestEnvironment(t *testing.T) {
	settings := func() map[string]string {
		list, err := environment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := &source{root: ".", environment: list}
		out, err := output(s.goCommand(t.Context(), all[0], "env", "-json"))
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]string{}
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"GOGCCFLAGS", "GOTELEMETRYDIR"} { // folders where nothing for a package lies
			delete(said, name)
		}
		return said
	}
	if runtime.GOOS == "darwin" {
		t.Skip("no variable moves the folder of settings alone")
	}
	dir := t.TempDir() // without settings, also of telemetry
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("AppData", dir)
	t.Setenv("GOENV", "")
	want := settings()
	hostile := map[string]string{
		"GOFLAGS": "-tags=noasm", "GOAMD64": "v3", "GOARM64": "v9.0", "GOEXPERIMENT": "arenas", "GODEBUG": "gotypesalias=0", "GOFIPS140": "latest",
		"CGO_ENABLED": "1", "GO_EXTLINK_ENABLED": "1", "GOTOOLCHAIN": "path", "GOOS": "plan9", "GOARCH": "386", "CGO_LDFLAGS": "-O1",
	}
	var written strings.Builder
	for name, value := range hostile {
		fmt.Fprintf(&written, "%s=%s\n", name, value)
	}
	if err := os.MkdirAll(filepath.Join(dir, "go"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go", "env"), []byte(written.String()+"GOPROXY=https://proxy.example\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	want["GOPROXY"] = "https://proxy.example"
	t.Setenv("GOPROXY", "")
	t.Setenv("GOWORK", filepath.Join(dir, "go.work"))
	if got := settings(); !maps.Equal(got, want) {
		t.Errorf("written: %v\nwant %v", got, want)
	}
	for name, value := range hostile {
		t.Setenv(name, value)
	}
	if got := settings(); !maps.Equal(got, want) {
		t.Errorf("in the environment: %v\nwant %v", got, want)
	}
}

func TestFind(t *testing.T) {
	if p, err := find("windows/arm64"); err != nil || p.program() != "helix-substrate.exe" {
		t.Error(p, err)
	}
	if _, err := find("plan9/386"); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Error(err)
	}
}
