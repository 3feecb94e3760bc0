package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/helix-substrate/helix-substrate/convert"
)

// TestTwice: the same command started twice is refused before it touches what the first has at the broker.
func TestTwice(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out")
	first, err := reserve(output)
	if err != nil {
		t.Fatal(err)
	}
	defer first.release()
	if _, err := Convert(t.Context(), fastJob(checkpoint(t), output), Options{Connection: Connection{Servers: Embedded}, Listen: "127.0.0.1:0"}); !errors.Is(err, convert.ErrBusy) {
		t.Errorf("the second: %v", err)
	}
}

// TestForeignDirectory: what has the name of the broker's directory and is none stays, and what else is in one stays, too.
func TestForeignDirectory(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out")
	dir := brokerDir(output)
	own := filepath.Join(dir, "own")
	if err := errors.Join(os.Mkdir(dir, 0o777), os.WriteFile(own, nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	job := fastJob(filepath.Join(t.TempDir(), "absent"), output)
	o := Options{Connection: Connection{Servers: Embedded}, Listen: "127.0.0.1:0"}
	if _, err := Convert(t.Context(), job, o); !errors.Is(err, convert.ErrForeign) || !isThere(own) {
		t.Errorf("another's directory: %v", err)
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(t.Context(), job, o); err == nil || isThere(dir) {
		t.Errorf("a source that is not there: %v, and the broker's directory is left: %v", err, isThere(dir))
	}
	p, err := reserve(output)
	if err == nil {
		defer p.release()
		_, err = p.open()
	}
	if err = errors.Join(err, os.WriteFile(own, nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	if p.remove(); !isThere(own) {
		t.Error("what is not the broker's is removed")
	}
}

// TestWithoutSecrets: what lets in is not shown.
func TestWithoutSecrets(t *testing.T) {
	for source, want := range map[string]string{
		"https://me:secret@host/model?X-Signature=secret#secret": "https://host/model",
		"hf://owner/name@rev":     "hf://owner/name@rev",
		"https://host/%zz?secret": "https://…",
		"/a/path?not=a query":     "/a/path?not=a query",
	} {
		if got := withoutSecrets(source); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

// TestTrustedLiar: what a worker has made that is known to lie does not count after a restart, in whose unfinished directory it is.
func TestTrustedLiar(t *testing.T) {
	t.Parallel()
	b := broker(t)
	job := fastJob(checkpoint(t), filepath.Join(t.TempDir(), "out"))
	conn := Connection{Servers: b.URL()}
	c := newCoordinator(job, job.Output, Options{Connection: conn, Lease: testLease})
	c.store = openStore(t, conn)
	c.status.State, c.status.Liars, c.status.Trusted = "converting", []string{"liar"}, []string{"a", "liar"}
	if err := errors.Join(c.tell(t.Context(), c.status), os.Mkdir(convert.Unfinished(job.Output), 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(t.Context(), job, Options{Connection: conn, Lease: testLease}); !errors.Is(err, ErrLiar) || !strings.Contains(err.Error(), convert.Unfinished(job.Output)) {
		t.Errorf("with its work: %v", err)
	}
	c.status.Trusted = []string{"a"}
	if err := c.tell(t.Context(), c.status); err != nil {
		t.Fatal(err)
	}
	workers(t, b, WorkerOptions{Name: "a", Threads: 1})
	if _, err := Convert(t.Context(), job, Options{Connection: conn, Lease: testLease}); err != nil {
		t.Errorf("without: %v", err)
	}
	s, err := Look(t.Context(), conn)
	if err != nil || len(s.Jobs) != 1 || len(s.Jobs[0].Trusted) != 1 || s.Jobs[0].Trusted[0] != "a" || s.Now.IsZero() {
		t.Errorf("status: %+v, %v", s, err)
	}
}

// TestLost: a result that the broker has not kept is made again, and whoever has made it is no liar.
func TestLost(t *testing.T) {
	t.Parallel()
	b := broker(t)
	source := checkpoint(t)
	want := alone(t, fastJob(source, filepath.Join(t.TempDir(), "alone")))
	conn := Connection{Servers: b.URL()}
	st := openStore(t, conn)
	taken := make(chan error, 1)
	go func() { // says that it has made the first item, whose record is nowhere
		m, err := st.items.Next(jetstream.FetchContext(t.Context()))
		var job work
		if err == nil {
			err = parse(m.Data(), &job)
		}
		if err == nil {
			text, _ := encode(outcome{Worker: "ghost", Key: job.Item.Key, Record: checksum(nil)})
			_, err = st.results.Put(t.Context(), resultKey("ghost", job.Item.Key), text)
		}
		if err == nil {
			err = m.Ack()
		}
		taken <- err
	}()
	var l lines
	done := make(chan error, 1)
	var report *convert.Report
	go func() {
		var err error
		report, err = Convert(t.Context(), fastJob(source, filepath.Join(t.TempDir(), "out")), Options{Connection: conn, Lease: testLease, Note: l.note})
		done <- err
	}()
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	workers(t, b, WorkerOptions{Name: "a", Threads: 1})
	if err := <-done; err != nil || report.Root != want.Root {
		t.Fatalf("%+v, %v", report, err)
	}
	if l.has("worker ghost has made") || !l.has("by worker ghost") {
		t.Errorf("%q", l.all)
	}
}

// TestBegunInVain: a task that whoever begins it does not end is an error some day.
func TestBegunInVain(t *testing.T) {
	s := newScheduler(0, func(string) {})
	now := time.Now()
	s.add(duty{key: "k", cost: 1})
	s.beat("a", "", 0, now)
	for _, o := range s.give(now) {
		for range mostBegun {
			s.beat("a", "k", o.id, now)
			s.beat("b", "k", o.id, now)
		}
	}
	if s.tasks["k"].begun != 2*mostBegun {
		t.Errorf("begun %d times", s.tasks["k"].begun)
	}
}
