// Package ranges reads files that are far away, in ranges and without storing them: what the
// hub, web servers and object stores have in common.
//
// A [Reader] of a [Content] joins reads that go forward into larger requests, which run ahead
// of them, through a [Window], the memory that several files share and that never grows. What
// breaks off goes on where it stopped; what fails is tried again ([Retry]) unless it is not
// worth it ([Passing]). A [Requester] gives up on servers that fall silent, and [ReadPart] tells
// what an answer holds, so that no other part is taken for the one that was asked for. [Files] of a place are each held to the
// version that was there first.
package ranges

import "errors"

var (
	// ErrAddress reports an address that is not read.
	ErrAddress = errors.New("not an address that is read")
	// ErrUnavailable reports a server that could not be reached or kept failing.
	ErrUnavailable = errors.New("server unavailable")
	// ErrResponse reports an answer that makes no sense or is too large.
	ErrResponse = errors.New("unusable answer from the server")
	// ErrChanged reports a file that is not, or no longer, the one that it was.
	ErrChanged = errors.New("file changed on the server")
	// ErrNoRanges reports a server that does not serve parts of a file, or does not tell its
	// versions apart.
	ErrNoRanges = errors.New("server does not serve ranges")
	// ErrClosed reports a read after Close.
	ErrClosed = errors.New("remote file is closed")
)
