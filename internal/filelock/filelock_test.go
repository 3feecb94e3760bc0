package filelock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain lets the test binary be the process that dies with a lock.
func TestMain(m *testing.M) {
	if path := os.Getenv("FILELOCK_HOLD"); path != "" {
		if _, err := Try(path); err != nil {
			os.Exit(3)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("a second lock: %v, want ErrLocked", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if l, err = Try(path); err != nil {
		t.Fatalf("after Release: %v", err)
	}
	l.Release()
	if _, err := Try(filepath.Join(path, "no", "such")); err == nil {
		t.Error("a lock in no directory")
	}
}

// TestForeign: what was there and is no lock's file stays.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	file, empty, link := filepath.Join(dir, "file"), filepath.Join(dir, "empty"), filepath.Join(dir, "link")
	for path, text := range map[string]string{file: "mine", empty: ""} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	refused := []string{file, dir}
	if os.Symlink(filepath.Join(dir, "elsewhere"), link) == nil {
		refused = append(refused, link)
	}
	for _, path := range refused {
		if _, err := Try(path); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v, want ErrForeign", path, err)
		}
	}
	l, err := Try(empty)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{file: "mine", empty: ""} {
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

// TestKilled shows that a lock ends with its process.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "FILELOCK_HOLD="+path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 5))
	if _, err := Try(path); !errors.Is(err, ErrLocked) {
		t.Errorf("another process holds it: %v", err)
	}
	c.Process.Kill()
	c.Wait()
	l, err := Try(path)
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	l.Release()
}
