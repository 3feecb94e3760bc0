package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

var (
	// ErrMessage reports a message that is none of this program's.
	ErrMessage = errors.New("no message of a conversion")
	// ErrName reports a worker's name that cannot be one.
	ErrName = errors.New("bad name of a worker")
	// ErrLiar reports that what the model was decided by came from a worker that lied: the conversion begins anew.
	ErrLiar = errors.New("a worker has lied")
	// ErrWorkers reports an item that workers cannot make.
	ErrWorkers = errors.New("workers cannot make it")
)

// What the broker has.
const (
	itemStream   = "HELIX_ITEMS" // messages: items of work, each taken by one worker
	itemSubject  = "helix.items"
	itemConsumer = "workers"
	cancelled    = "helix.cancel"  // keys of items that nobody needs any more
	resultBucket = "helix_results" // by worker and key
	workerBucket = "helix_workers" // what each worker is at
	jobBucket    = "helix_jobs"
	fileBucket   = "helix_files" // by worker and SHA-256; of statistics by that alone
)

const (
	// maxMessage bounds a message, the most that a broker takes by default; maxRecord what is said of one tensor: the sums of a million blocks.
	maxMessage = 1 << 20
	maxRecord  = 64 << 20
	// kept is how long the broker keeps what no coordinator has taken.
	kept = 30 * 24 * time.Hour
)

// source says where workers find the weights.
type source struct {
	Path   string `json:"path"`
	File   string `json:"file,omitempty"`
	Remote bool   `json:"remote,omitempty"`
}

// work is the message of an item.
type work struct {
	Job    string       `json:"job"`
	Copy   int          `json:"copy"`
	Not    []string     `json:"not,omitempty"` // workers that it is not for
	Source source       `json:"source"`
	Item   convert.Item `json:"item"`
}

// outcome is what a worker says of an item: the SHA-256 of its record, or an error.
type outcome struct {
	Worker string `json:"worker"`
	Key    string `json:"key"`
	Record string `json:"record,omitempty"`
	Error  string `json:"error,omitempty"`
}

// WorkerStatus says what a worker is at.
type WorkerStatus struct {
	Worker  string    `json:"worker"`
	Key     string    `json:"key,omitempty"` // of the item; empty: none
	Copy    int       `json:"copy,omitempty"`
	Tensor  string    `json:"tensor,omitempty"`
	Seconds float64   `json:"seconds"` // at the item
	Made    int       `json:"made"`
	Failed  int       `json:"failed"`
	Error   string    `json:"error,omitempty"` // the last
	Heard   time.Time `json:"-"`
}

// JobStatus says how far a conversion is.
type JobStatus struct {
	Job     string    `json:"job"`
	Source  string    `json:"source"`
	Output  string    `json:"output"`
	Items   int       `json:"items"` // given out so far, and of these made
	Made    int       `json:"made"`
	Bytes   int64     `json:"bytes"` // of these items' source, and of those that are made
	Done    int64     `json:"done"`
	Liars   []string  `json:"liars,omitempty"`
	Trusted []string  `json:"trusted,omitempty"` // workers whose work counts though nobody else has done it
	Began   time.Time `json:"began"`
	State   string    `json:"state"` // converting, done, failed, stopped
	Error   string    `json:"error,omitempty"`
	Waiting string    `json:"waiting,omitempty"` // what for
	Heard   time.Time `json:"-"`
}

// parse reads a message, strictly. Errors: ErrMessage.
func parse(text []byte, v any) error {
	if len(text) > maxRecord {
		return fmt.Errorf("%d bytes: %w", len(text), ErrMessage)
	}
	return strictjson.UnmarshalOpen(text, v, ErrMessage)
}

// encode writes a message of at most maxMessage bytes.
func encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil && len(text) > maxMessage {
		err = fmt.Errorf("%d bytes: %w", len(text), ErrMessage)
	}
	return text, err
}

// checkName refuses a name of a worker that has more than letters, digits, '-' and '_', or that means something else: it is part of keys.
func checkName(name string) error {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	if name == "" || name == "failed" || name == "statistics" || len(name) > 64 || strings.ContainsFunc(name, other) {
		return fmt.Errorf("%.80q: 1 to 64 letters, digits, '-' and '_': %w", name, ErrName)
	}
	return nil
}

// hostName is the machine's name as a part of a worker's.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		name = "worker"
	}
	return strings.Map(func(r rune) rune {
		if checkName(string(r)) != nil {
			return '-'
		}
		return r
	}, name[:min(len(name), 40)])
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// resultKey is the key of a worker's result, objectName of a file that it has made, statisticsName of statistics.
func resultKey(worker, key string) string  { return worker + "." + key }
func objectName(worker, sum string) string { return worker + "/" + sum }
func statisticsName(sum string) string     { return "statistics/" + sum }
func clip(text string) string              { return text[:min(len(text), 1000)] }
