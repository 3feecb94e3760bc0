package hub

import (
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// Repo names a model repository at a revision.
type Repo struct {
	ID       string // "owner/name", or "name" for a few old models
	Revision string // branch, tag or commit; "main" where none was given
}

// ParseRepo reads owner/name, owner/name@revision, or either with a bare name.
// What it refuses (ErrRepo) cannot be a repository, so an argument may be tried
// first as a path and then here: "./dir", "a/b/c", "C:\x" and "/x" are no ids;
// "dir" and "dir/model.gguf" could be.
func ParseRepo(text string) (Repo, error) {
	id, revision, given := strings.Cut(text, "@")
	if !given {
		revision = "main"
	}
	repo := Repo{ID: id, Revision: revision}
	if err := repo.check(); err != nil {
		return Repo{}, err
	}
	return repo, nil
}

// String returns owner/name@revision.
func (r Repo) String() string { return r.ID + "@" + r.Revision }

// check applies the hub's rules for ids, and git's for revisions.
func (r Repo) check() error {
	owner, name, slash := strings.Cut(r.ID, "/")
	if slash && !validName(owner) || !slash && !validName(r.ID) || slash && !validName(name) ||
		strings.HasSuffix(r.ID, ".git") {
		return fmt.Errorf("%s: %w", filename.Quote(r.ID), ErrRepo)
	}
	if !validRevision(r.Revision) {
		return fmt.Errorf("%s: revision %s: %w", filename.Quote(r.ID), filename.Quote(r.Revision), ErrRepo)
	}
	return nil
}

func validName(s string) bool {
	const longest = 96
	if len(s) == 0 || len(s) > longest || strings.Contains(s, "--") || strings.Contains(s, "..") {
		return false
	}
	for i, c := range []byte(s) {
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !word && (i == 0 || i == len(s)-1 || c != '-' && c != '.') {
			return false
		}
	}
	return filename.Check(s) == nil // a name becomes part of a directory's
}

// validRevision follows git check-ref-format; it must also be safe below refs/.
func validRevision(s string) bool {
	const longest = 255
	return len(s) <= longest && filename.Check(s) == nil && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, ".lock") &&
		!strings.Contains(s, "..") && !strings.Contains(s, "@{") && !strings.ContainsAny(s, " ~^:?*[\\")
}

// isHex says whether s is n lower-case hexadecimal digits.
func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
