package ranges

import (
	"net"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// Insecure is the word before an address that has other machines than this one asked without encryption.
const Insecure = "insecure+"

// Loopback tells a host, a name or an IP address without a port, of this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Shown is what messages have of an address that is not read, quoted: less what may be a secret, which is a name and password before the
// host, in which any character may stand where it is not written as it should be, and a query or fragment, such as a signature.
func Shown(address string) string {
	scheme, rest := "", address
	if i := strings.Index(address, "://"); i >= 0 {
		scheme, rest = address[:i+3], address[i+3:]
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			rest = "…" + rest[i:]
		}
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i] + "?…"
	}
	return filename.Quote(scheme + rest)
}
