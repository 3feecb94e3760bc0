package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/filelock"
)

// place is where a coordinator's broker keeps its files: .BASE.broker beside the output, with a lock, which keeps out the
// same command started twice.
type place struct {
	dir  string
	lock *filelock.Lock
}

const (
	// markName is a file that says that the directory is a broker's; storeName is what the broker makes there.
	markName  = "helix-substrate-broker"
	storeName = "jetstream"
)

func brokerDir(output string) string {
	return filepath.Join(filepath.Dir(output), "."+filepath.Base(output)+".broker")
}

// reserve takes the lock. Errors: convert.ErrBusy, convert.ErrForeign.
func reserve(output string) (*place, error) {
	p := &place{dir: brokerDir(output)}
	if _, err := os.Stat(filepath.Dir(output)); err != nil { // else the lock's name would be in the message
		return nil, err
	}
	var err error
	switch p.lock, err = filelock.Try(p.dir + ".lock"); {
	case errors.Is(err, filelock.ErrLocked):
		return nil, fmt.Errorf("%s: %w", output, convert.ErrBusy)
	case errors.Is(err, filelock.ErrForeign):
		return nil, fmt.Errorf("%w: %w", err, convert.ErrForeign)
	}
	return p, err
}

// open makes the broker's directory, or takes up the one of before. What else has its name is convert.ErrForeign.
func (p *place) open() (string, error) {
	mark := filepath.Join(p.dir, markName)
	if err := os.Mkdir(p.dir, 0o700); err == nil {
		return p.dir, os.WriteFile(mark, nil, 0o600)
	} else if !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, convert.ErrForeign)
	}
	if len(entries) == 0 { // the process died before it could mark it
		return p.dir, os.WriteFile(mark, nil, 0o600)
	}
	if info, err := os.Lstat(mark); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: it holds %s, and is no broker's: %w", p.dir, entries[0].Name(), convert.ErrForeign)
	}
	return p.dir, nil
}

// remove removes what the broker has made. What else is there stays.
func (p *place) remove() {
	os.RemoveAll(filepath.Join(p.dir, storeName))
	if entries, err := os.ReadDir(p.dir); err == nil && len(entries) == 1 && entries[0].Name() == markName {
		os.Remove(filepath.Join(p.dir, markName))
		os.Remove(p.dir)
	}
}

func (p *place) release() { p.lock.Release() }

// withoutSecrets is the address of a source without what lets in: a user, a password, a signed query.
func withoutSecrets(source string) string {
	if !strings.Contains(source, "://") {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		return source[:strings.Index(source, "://")] + "://…"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
