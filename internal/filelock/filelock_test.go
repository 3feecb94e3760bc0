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
