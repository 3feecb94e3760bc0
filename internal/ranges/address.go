package ranges

import "net"

// Insecure is the word before an address that has other machines than this one asked without encryption.
const Insecure = "insecure+"

// Loopback tells a host, a name or an IP address without a port, of this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
