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
// host, and a query or fragment, such as a signature.
func Shown(address string) string {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		address = address[:i] + "?…"
	}
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		host, path, slash := strings.Cut(rest, "/")
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = "…" + host[i:]
		}
		if slash {
			host += "/"
		}
		address = scheme + "://" + host + path
	}
	return filename.Quote(address)
}
