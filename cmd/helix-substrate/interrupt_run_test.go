//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// startRun starts a run of the demo's checkpoint, with a chat template added. stop
// interrupts it, checks how it ended and returns its receipt.
func startRun(t *testing.T, args ...string) (stdin io.WriteCloser, stdout io.Reader, stop func() *receipt.GenerationClaims) {
	t.Helper()
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := demo.Extract(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	template := `{"chat_template": "{% for m in messages %}{{ m.content }} {% endfor %}"}`
	if err := os.WriteFile(filepath.Join(dir, "checkpoint", "tokenizer_config.json"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"run", "checkpoint", "--receipt", "r.json", "--threads", "1"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return stdin, stdout, func() *receipt.GenerationClaims {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, stdout)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
			t.Errorf("exit code %d\n%s", code, &stderr)
		}
		text, err := os.ReadFile(filepath.Join(dir, "r.json"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := receipt.ReadExecution(text)
		if err != nil {
			t.Fatal(err)
		}
		var claims receipt.GenerationClaims
		if err := e.DecodeClaims(receipt.OpGenerate, &claims); err != nil {
			t.Fatal(err)
		}
		return &claims
	}
}

// TestInterruptRun stops a run that has just printed its prompt, a long one.
func TestInterruptRun(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.jsonl")
	stdin, stdout, stop := startRun(t, "-c", "60000", "--log", log)
	if _, err := io.WriteString(stdin, strings.Repeat("Once upon a time, there was a little girl. ", 1000)); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	turns := stop().Turns
	if len(turns) != 1 || turns[0].Stop != "cancelled" {
		t.Errorf("%d turns: %.200v", len(turns), turns)
	}
	if r, err := chain.Verify(t.Context(), log, nil); err != nil || r.Entries != 1 || r.Err() != nil {
		t.Errorf("the log: %+v, %v", r, err)
	}
}

// TestInterruptChat stops a chat that has answered and waits for its user.
func TestInterruptChat(t *testing.T) {
	stdin, stdout, stop := startRun(t, "Hello", "--chat", "-n", "2", "-c", "256")
	defer stdin.Close()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if turns := stop().Turns; len(turns) != 1 || turns[0].Stop != "length" {
		t.Errorf("%+v", turns)
	}
}
