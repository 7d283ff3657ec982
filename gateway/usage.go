package gateway

import (
	"runtime/metrics"
	"sync"
	"time"
)

// usage measures what this process takes of the machine.
type usage struct {
	mu   sync.Mutex
	cpu  time.Duration
	at   time.Time
	last float64
}

// read returns the memory that the process holds and the share of one CPU that
// it used since the last call, in percent.
func (u *usage) read() (memoryBytes int64, cpuPct float64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	memoryBytes = int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
	u.mu.Lock()
	defer u.mu.Unlock()
	now, cpu := time.Now(), cpuTime()
	if wall := now.Sub(u.at); !u.at.IsZero() && wall > 0 {
		u.last = 100 * float64(cpu-u.cpu) / float64(wall)
	}
	u.cpu, u.at = cpu, now
	return memoryBytes, u.last
}
