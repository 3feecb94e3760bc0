package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
)

// testLease is short, so that what is killed is soon noticed.
const testLease = 500 * time.Millisecond

// checkpoint is the built-in model, as it was published.
func checkpoint(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fastJob is a conversion that takes next to no time, whose matrices are cut.
func fastJob(source, output string) convert.Job {
	return convert.Job{Source: source, Output: output, ModelID: "m", Options: convert.Options{Method: convert.Lossless}, Piece: 100 << 10}
}

// alone converts on this machine.
func alone(t *testing.T, job convert.Job) *convert.Report {
	t.Helper()
	report, err := convert.Directory(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// broker starts one for a test.
func broker(t *testing.T) *Broker {
	t.Helper()
	b, err := Embed(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// lines keeps what is noted.
type lines struct {
	sync.Mutex
	all []string
}

func (l *lines) note(line string) {
	l.Lock()
	defer l.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) has(part string) bool {
	l.Lock()
	defer l.Unlock()
	return slices.ContainsFunc(l.all, func(line string) bool { return strings.Contains(line, part) })
}

// workers starts workers in the process, which end with the test.
func workers(t *testing.T, b *Broker, options ...WorkerOptions) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, o := range options {
		o.Servers, o.Dir = b.URL(), t.TempDir()
		wg.Go(func() {
			if err := Work(ctx, o); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", o.Name, err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
}

// TestWorkers: what two workers make, whole, in parts, and calibrated, has the root of one
// machine.
func TestWorkers(t *testing.T) {
	t.Parallel()
	source, b := checkpoint(t), broker(t)
	workers(t, b, WorkerOptions{Name: "a", Threads: 1}, WorkerOptions{Name: "b", Threads: 1})
	for name, job := range map[string]convert.Job{
		"lossless":   fastJob(source, ""),
		"codebooks":  {Source: source, ModelID: "m", Options: convert.Options{Method: convert.Entropy, BlockRows: 16}, Piece: 100 << 10},
		"calibrated": {Source: source, ModelID: "m", Allocate: convert.EqualRate, Calibration: convert.Calibration{Tokens: 1024}},
	} {
		job.Output = filepath.Join(t.TempDir(), "alone")
		want := alone(t, job)
		job.Output = filepath.Join(t.TempDir(), "together")
		got, err := Convert(t.Context(), job, Options{Connection: Connection{Servers: b.URL()}, Lease: testLease})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Root != want.Root {
			t.Errorf("%s: root %s, one machine's %s", name, got.Root, want.Root)
		}
	}
	s, err := Look(t.Context(), Connection{Servers: b.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Jobs) != 3 || s.Jobs[0].State != "done" || s.Jobs[0].Made != s.Jobs[0].Items || len(s.Workers) != 2 {
		t.Errorf("status: %+v", s)
	}
}

// lie changes a byte of a file, and says the hash that this gives.
func lie(made *convert.Made, dir string) {
	path := filepath.Join(dir, made.Entry.File)
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		panic(err)
	}
	made.Entry.SHA256 = checksum(b)
}

// TestLiar: where two workers make each item, one that lies is named, and the root is that of one machine.
func TestLiar(t *testing.T) {
	t.Parallel()
	source, b := checkpoint(t), broker(t)
	want := alone(t, fastJob(source, filepath.Join(t.TempDir(), "alone")))
	// The others deliver nothing until it has lied, as they would make all while it still looks for the job.
	lied := make(chan struct{})
	once := sync.OnceFunc(func() { close(lied) })
	wait := func(*convert.Made, string) {
		select {
		case <-lied:
		case <-time.After(20 * time.Second):
		}
	}
	workers(t, b, WorkerOptions{Name: "honest", Threads: 1, spoil: wait}, WorkerOptions{Name: "fair", Threads: 1, spoil: wait},
		WorkerOptions{Name: "liar", Threads: 1, spoil: func(made *convert.Made, dir string) { lie(made, dir); once() }})
	var l lines
	got, err := Convert(t.Context(), fastJob(source, filepath.Join(t.TempDir(), "out")), Options{
		Connection: Connection{Servers: b.URL()}, Lease: testLease, Check: 1, Note: l.note,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Root != want.Root || !l.has("worker liar has made something else") || l.has("worker honest has") || l.has("worker fair has") {
		t.Errorf("root %s, one machine's %s; %q", got.Root, want.Root, l.all)
	}
	s, err := Look(t.Context(), Connection{Servers: b.URL()})
	if err != nil || !slices.Equal(s.Jobs[0].Liars, []string{"liar"}) {
		t.Errorf("status: %+v, %v", s, err)
	}
}

// TestForeignSource: a source that the only worker does not find is one line, and no output.
func TestForeignSource(t *testing.T) {
	t.Parallel()
	source, b := checkpoint(t), broker(t)
	workers(t, b, WorkerOptions{Name: "lost", Source: filepath.Join(t.TempDir(), "absent")})
	job := fastJob(source, filepath.Join(t.TempDir(), "out"))
	_, err := Convert(t.Context(), job, Options{Connection: Connection{Servers: b.URL()}, Lease: testLease})
	if !errors.Is(err, ErrWorkers) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("with no other worker: %v", err)
	}
	if isThere(job.Output) {
		t.Error("an output")
	}

}

// openStore opens what a broker keeps for conversions, until the test ends.
func openStore(t *testing.T, c Connection) *store {
	t.Helper()
	nc, js, err := c.connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	st, err := create(t.Context(), nc, js, testLease)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestHostileMessages: what is no item is thrown away, and changes nothing.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	source, b := checkpoint(t), broker(t)
	want := alone(t, fastJob(source, filepath.Join(t.TempDir(), "alone")))
	c := Connection{Servers: b.URL()}
	st := openStore(t, c)
	for _, text := range []string{"", "null", "[]", "{", `{"item":{"key":"x","file":"../../x"}}`, `{"job":1}`, strings.Repeat("[", 100_000)} {
		if _, err := st.js.Publish(t.Context(), itemSubject+".x", []byte(text)); err != nil {
			t.Fatal(err)
		}
		st.results.Put(t.Context(), "a.b", []byte(text))
		st.workers.Put(t.Context(), "x", []byte(text))
		st.jobs.Put(t.Context(), "x", []byte(text))
		st.nc.Publish(cancelled, []byte(text))
	}
	workers(t, b, WorkerOptions{Name: "a", Threads: 1})
	got, err := Convert(t.Context(), fastJob(source, filepath.Join(t.TempDir(), "out")), Options{Connection: c, Lease: testLease})
	if err != nil || got.Root != want.Root {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestListen: the embedded broker lets other machines in by a password only.
func TestListen(t *testing.T) {
	for _, address := range []string{"", "x", "0.0.0.0:0", "[::]:0", "example.org:1", "127.0.0.1:99999", "127.0.0.1", ":4222"} {
		if b, err := Embed(t.TempDir(), address); !errors.Is(err, ErrListen) {
			t.Errorf("%q: %v", address, err)
			if err == nil {
				b.Stop()
			}
		}
	}
	b, err := Embed(t.TempDir(), "me:secret@127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	if nc, _, err := (&Connection{Servers: strings.Replace(b.URL(), "secret", "guess", 1)}).connect(t.Context(), "test"); err == nil {
		nc.Close()
		t.Error("another password does")
	} else if strings.Contains(err.Error(), "guess") {
		t.Errorf("the password is told: %v", err)
	}
	nc, _, err := (&Connection{Servers: b.URL()}).connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

// TestRefused: names and shares that make no sense.
func TestRefused(t *testing.T) {
	for _, name := range []string{"a.b", "a/b", "*", ">", "a b", strings.Repeat("a", 65)} {
		if err := Work(t.Context(), WorkerOptions{Name: name}); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		if _, err := Convert(t.Context(), convert.Job{}, Options{Check: share}); !errors.Is(err, ErrCheck) {
			t.Errorf("%v: %v", share, err)
		}
	}
}
