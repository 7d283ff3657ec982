package gateway

import (
	"context"
	"net"
	"time"
)

// keepAlive finds a dead peer of an idle connection within 25 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// unansweredFor is how long data that was sent may stay without the peer's
// acknowledgement: a cut network shows as an error and not as a hang.
const unansweredFor = 20 * time.Second

// dialer returns how connections to the store and to targets are made.
func dialer(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout, KeepAliveConfig: keepAlive, Control: boundUnanswered}
	return d.DialContext
}
