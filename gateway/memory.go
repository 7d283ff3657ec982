package gateway

import (
	"os"
	"runtime/debug"
	"sync"
)

// Memory that Go's runtime may use before it collects garbage harder: some for
// the node itself and some for each channel. A channel holds at most 100 MiB
// or so at a time (queue, batches on their way, the copy's chunks).
const (
	nodeMemory    = 80 << 20
	channelMemory = 128 << 20
	// garbagePercent lets the heap grow to three times what is in use while it
	// is below the limit: collecting is most of the cost of a small heap.
	garbagePercent = 200
)

// memoryBudget follows how many channels this process runs.
var memoryBudget struct {
	sync.Mutex
	channels int
}

// budgetChannels adds to the number of channels that this process runs and
// adapts the runtime's soft limit. What GOMEMLIMIT and GOGC say in the
// environment is left alone.
func budgetChannels(delta int) {
	memoryBudget.Lock()
	defer memoryBudget.Unlock()
	memoryBudget.channels += delta
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(nodeMemory + int64(memoryBudget.channels)*channelMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
