package web

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// Is tells what is meant as an address of a web server.
func Is(name string) bool {
	rest := strings.TrimPrefix(name, ranges.Insecure)
	return strings.HasPrefix(rest, "http://") || strings.HasPrefix(rest, "https://")
}

// address is where files lie side by side.
type address struct {
	dir   *url.URL // its path ends in a slash
	plain bool     // http:// is meant, wherever it leads
}

// parse splits an address into where the files lie and the last part of its path, "" if it
// ends in a slash. http:// is for this machine alone, unless ranges.Insecure stands before it;
// passwords, queries and fragments are ranges.ErrAddress.
func parse(name string) (a address, last string, err error) {
	rest, plain := strings.CutPrefix(name, ranges.Insecure)
	u, err := url.Parse(rest)
	if err != nil { // the error holds the address, perhaps with a password
		return a, "", fmt.Errorf("%w: it cannot be parsed; write https://host/path", ranges.ErrAddress)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		return a, "", fmt.Errorf("%s: %w; write https://host/path", ranges.Shown(name), ranges.ErrAddress)
	case u.User != nil:
		return a, "", fmt.Errorf("%s: %w: without a name and password", ranges.Shown(name), ranges.ErrAddress)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return a, "", fmt.Errorf("%s: %w: without a query", ranges.Shown(name), ranges.ErrAddress)
	case u.Scheme == "http" && !plain && !ranges.Loopback(u.Hostname()):
		return a, "", fmt.Errorf("%s: %w: %shttp:// reads another machine without encryption", ranges.Shown(name), ranges.ErrAddress, ranges.Insecure)
	}
	escaped := u.EscapedPath()
	part := escaped[strings.LastIndex(escaped, "/")+1:]
	if part == "" {
		return address{u.JoinPath("/"), plain}, "", nil
	}
	last, err = url.PathUnescape(part)
	if err != nil || strings.Contains(last, "/") { // %2F is no slash: what lies there is no file of a directory
		return a, "", fmt.Errorf("%s: %w: without a %%2F at its end", ranges.Shown(name), ranges.ErrAddress)
	}
	if err := ranges.CheckName(last); err != nil {
		return a, "", err
	}
	return address{u.JoinPath("../"), plain}, last, nil
}

// below returns the address of a folder.
func (a address) below(name string) address {
	return address{a.dir.JoinPath(url.PathEscape(name) + "/"), a.plain}
}

// file returns the address of a file, by its name in the directory.
func (a address) file(name string) *url.URL {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	u := *a.dir
	u.Path, u.RawPath = a.dir.Path+name, a.dir.EscapedPath()+strings.Join(parts, "/")
	return &u
}

// follows tells whether a redirect to u is followed: whoever has not asked for http:// is not led to it.
func (a address) follows(u *url.URL) bool {
	return u.Scheme == "https" || a.plain || ranges.Loopback(u.Hostname())
}
