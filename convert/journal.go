package convert

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/calibrate"
	lines "github.com/helix-substrate/helix-substrate/internal/journal"
)

const (
	// journalName is the journal's file in an unfinished model directory.
	journalName = "journal.jsonl"
	// journalKind and journalVersion tell the journal from whatever else has its name.
	// Version 1 had no header, and did not say what it may remove.
	journalKind    = "helix-substrate conversion"
	journalVersion = 2
	// maxJournal bounds what is read of one: a million tensors take less.
	maxJournal = 1 << 30
)

// journalLine is a line of the journal, one of its fields set.
type journalLine struct {
	Header *journalHeader `json:"header,omitempty"` // the first line, and no other
	// Tensor is one that is converted. Its files were flushed before the line was written, and got their names after it.
	Tensor *Made          `json:"tensor,omitempty"`
	File   string         `json:"file,omitempty"` // a file beside the tensors
	Rate   *journalRate   `json:"rate,omitempty"`
	Probes *journalProbes `json:"probes,omitempty"`
}

// journalHeader says whose journal it is.
type journalHeader struct {
	Journal string `json:"journal"` // journalKind
	Version int    `json:"version"`
	Output  string `json:"output"` // the output's base name: a journal that was copied elsewhere is void
	ID      string `json:"id"`     // random: no file that has it in its name is anybody else's
}

// journalRate is a rate whose divergence is measured.
type journalRate struct {
	Key   string    `json:"key"` // of all tensors' keys
	Point RatePoint `json:"point"`
}

// journalProbes are what groups of matrices do to the predictions.
type journalProbes struct {
	Key    string            `json:"key"` // of all tensors' keys
	Probes []calibrate.Probe `json:"probes"`
}

// journal is what a journal's file says.
type journal struct {
	id    string
	done  map[string]Made      // by key
	rates map[string]RatePoint // by key
	tried map[string][]calibrate.Probe
	made  map[string]bool // names of files that the conversion has made, or was about to
	sound int64           // bytes of whole lines
}

// newJournal returns an empty one and its first line.
func newJournal(output string) (j *journal, header []byte, err error) {
	var id [16]byte
	rand.Read(id[:])
	j = &journal{id: hex.EncodeToString(id[:]), done: map[string]Made{}, rates: map[string]RatePoint{}, tried: map[string][]calibrate.Probe{}, made: map[string]bool{}}
	header, err = encodeLine(journalLine{Header: &journalHeader{journalKind, journalVersion, filepath.Base(output), j.id}})
	j.sound = int64(len(header))
	return j, header, err
}

// parseJournal reads the journal of output, up to the first torn line. The error says
// why text is none.
func parseJournal(text []byte, output string) (*journal, error) {
	line, rest, whole := bytes.Cut(text, []byte("\n"))
	first, ok := parseLine(line)
	h := first.Header
	switch {
	case !whole || !ok:
		return nil, fmt.Errorf("%s in it is no conversion's journal", journalName)
	case h == nil || h.Journal != journalKind || h.Version != journalVersion || len(h.ID) != 32:
		return nil, fmt.Errorf("an unfinished conversion by another version of this program, whose journal does not say what may be removed; remove it by hand")
	case h.Output != filepath.Base(output):
		return nil, fmt.Errorf("%s in it is of the conversion to %q", journalName, h.Output)
	}
	j := &journal{id: h.ID, done: map[string]Made{}, rates: map[string]RatePoint{}, tried: map[string][]calibrate.Probe{}, made: map[string]bool{}, sound: int64(len(line)) + 1}
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		l, ok := parseLine(line)
		if !whole || !ok || !j.take(l) {
			return j, nil
		}
		j.sound, rest = j.sound+int64(len(line))+1, after
	}
}

// take notes what a line says; false if it cannot be a line of a journal.
func (j *journal) take(l journalLine) bool {
	names := []string{l.File}
	if l.Rate != nil {
		j.rates[l.Rate.Key] = l.Rate.Point
		return true
	}
	if l.Probes != nil {
		j.tried[l.Probes.Key] = l.Probes.Probes
		return true
	}
	if l.Tensor != nil {
		names = names[:0]
		for name := range l.Tensor.Files() {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !isFileName(name) {
			return false
		}
	}
	for _, name := range names {
		j.made[name] = true
	}
	if l.Tensor != nil {
		j.done[l.Tensor.Key] = *l.Tensor
	}
	return true
}

// isOurs tells whether the conversion made a file of that name in its directory.
func (j *journal) isOurs(name string) bool {
	return j.made[name] || strings.Contains(name, j.id)
}

// parseLine reads a line without its newline.
func parseLine(line []byte) (l journalLine, ok bool) {
	if !lines.Decode(line, &l) {
		return l, false
	}
	if l.Tensor != nil {
		l.Tensor.named()
	}
	return l, true
}

func encodeLine(l journalLine) ([]byte, error) { return lines.Encode(l) }

// appendLine appends a line to the journal's file and flushes it.
func appendLine(f *os.File, l journalLine) error { return lines.Append(f, l) }

// tornHeader tells whether text may be the beginning of a header whose writing was cut
// short.
func tornHeader(text []byte) bool {
	return lines.Torn(text, `{"header":{"journal":"`+journalKind+`"`)
}

func checksum(text []byte) string { return lines.Sum(text) }
