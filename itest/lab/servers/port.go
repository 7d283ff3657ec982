package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports come from below the range that the kernel gives to outgoing
// connections (32768 and up by default), so that no connection takes the port
// of a server that is being restarted.
const (
	firstPort = 12000
	lastPort  = 31999
	portTries = 200
)

// FreePort finds a TCP port of the address 127.0.0.1 that nothing listens on. Another
// process may take it before the caller does.
func FreePort() (int, error) { return freePort("127.0.0.1") }

func freePort(host string) (int, error) {
	var last error
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("release port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("find a free port of %s: %w", host, last)
}
