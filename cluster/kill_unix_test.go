//go:build unix

package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
)

// roleEnv has a process of the test be a worker or a coordinator; its arguments are in the environment, too.
const roleEnv = "HELIX_TEST_CLUSTER_ROLE"

func TestMain(m *testing.M) {
	role := strings.Fields(os.Getenv(roleEnv))
	if len(role) == 0 {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	note := func(line string) { fmt.Println(line) }
	var err error
	switch role[0] {
	case "worker":
		o := WorkerOptions{Connection: Connection{Servers: role[1]}, Name: role[2], Threads: 1, Dir: role[3]}
		if strings.HasPrefix(o.Name, "liar") {
			lies := 0
			o.spoil = func(made *convert.Made, dir string) {
				lie(made, dir)
				if lies++; lies > 1 { // the first has been delivered
					os.WriteFile(role[4], nil, 0o600)
				}
			}
		} else { // nothing is delivered until it has lied: else all may be made while it is started again
			o.spoil = func(*convert.Made, string) {
				for end := time.Now().Add(20 * time.Second); !isThere(role[4]) && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		err = Work(ctx, o)
	case "coordinator":
		_, err = Convert(ctx, fastJob(role[2], role[3]), Options{
			Connection: Connection{Servers: Embedded}, Listen: role[1], Check: 1, Lease: testLease, Note: note,
		})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// process is one that is started again when it was killed.
type process struct {
	role   string
	output *strings.Builder
	mu     sync.Mutex
	cmd    *exec.Cmd
}

func (p *process) start(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+p.role)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.cmd = cmd
}

// kill ends it at once, and starts it again.
func (p *process) kill(t *testing.T) {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.start(t)
}

// TestKilledAtRandom: four workers and the coordinator, with its broker, are killed at random moments, and a fifth worker lies: the
// root is that of one machine each time, and the liar is named. HELIX_CLUSTER says how often; docs/CONTRIBUTING.md.
func TestKilledAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	runs := 2
	if n, err := strconv.Atoi(os.Getenv("HELIX_CLUSTER")); err == nil {
		runs = n
	}
	source := checkpoint(t)
	want := alone(t, fastJob(source, filepath.Join(t.TempDir(), "alone"))).Root
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	kills, named := 0, 0
	for run := range runs {
		n, ok := killedRun(t, random, source, want, run)
		if kills += n; ok {
			named++
		}
	}
	t.Logf("%d runs, %d kills, the liar named in %d", runs, kills, named)
	if named != runs {
		t.Errorf("the liar is named in %d runs of %d", named, runs)
	}
}

// killedRun converts once, and returns how many processes were killed, and whether the liar was named.
func killedRun(t *testing.T, random *rand.Rand, source, want string, run int) (kills int, named bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	output := filepath.Join(dir, "out")
	coordinator := &process{role: "coordinator " + address + " " + source + " " + output, output: &strings.Builder{}}
	coordinator.start(t)
	var list []*process
	for _, name := range []string{"a", "b", "c", "d", "liar"} {
		p := &process{role: "worker nats://" + address + " " + name + " " + t.TempDir() + " " + filepath.Join(dir, "lied"), output: &strings.Builder{}}
		p.start(t)
		defer func() { p.cmd.Process.Kill(); p.cmd.Wait() }()
		list = append(list, p)
	}
	const most = 6 // kills, the coordinator's among them
	for {
		ended := make(chan error, 1)
		cmd := coordinator.cmd
		go func() { ended <- cmd.Wait() }()
		for running := true; running; {
			wait := time.Duration(100+random.IntN(400)) * time.Millisecond
			if kills >= most {
				wait = time.Minute
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("run %d: %v\n%s", run, err, coordinator.output)
				}
				m, err := model.Open(output)
				if err != nil {
					t.Fatal(err)
				}
				if m.Manifest.RootSHA256 != want {
					t.Errorf("run %d: root %s, one machine's %s", run, m.Manifest.RootSHA256, want)
				}
				for _, entry := range []string{".out.partial", ".out.broker", ".out.lock"} {
					if isThere(filepath.Join(dir, entry)) {
						t.Errorf("run %d: %s is left", run, entry)
					}
				}
				return kills, strings.Contains(coordinator.output.String(), "worker liar has made something else")
			case <-time.After(wait):
				if kills >= most {
					t.Fatalf("run %d does not end\n%s", run, coordinator.output)
				}
				kills++
				if i := random.IntN(len(list) + 1); i < len(list) {
					list[i].kill(t)
					continue
				}
				cmd.Process.Kill()
				<-ended
				coordinator.start(t)
				running = false
			}
		}
	}
}
