package provenance

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// ErrEpoch reports a SOURCE_DATE_EPOCH that is no number of seconds since 1970.
var ErrEpoch = errors.New("SOURCE_DATE_EPOCH is not a number of seconds since 1970")

// Builder is what made a model directory, as far as the directory does not tell.
type Builder struct {
	Version string // of the program: its release
	SHA256  string // of the program's file, in hex
	// Time is when it was made, in whole seconds, as documents shall say it; zero: they do not.
	Time time.Time
}

// ThisProgram describes the program that runs, with the time of the environment variable
// SOURCE_DATE_EPOCH, if it is set: nothing else is the same in another run. Errors: ErrEpoch, and
// that the program's file cannot be read.
func ThisProgram() (*Builder, error) {
	b := &Builder{Version: model.Version}
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < 0 || seconds > lastSecond {
			return nil, fmt.Errorf("%.40q: %w", text, ErrEpoch)
		}
		b.Time = time.Unix(seconds, 0).UTC()
	}
	if b.SHA256 = receipt.ProgramSHA256(); b.SHA256 == "" {
		return nil, errors.New("the program's own file cannot be read")
	}
	return b, nil
}

// lastSecond is the last that RFC 3339 can write, of the year 9999.
const lastSecond = 253402300799

// timestamp returns the time as documents have it, "" for none.
func (b *Builder) timestamp() string {
	if b.Time.IsZero() {
		return ""
	}
	return b.Time.UTC().Format(time.RFC3339)
}
