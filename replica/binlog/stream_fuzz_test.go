package binlog

import (
	"testing"

	"sluice/replica"
)

// FuzzDumpConnection: whatever comes over a dump connection, reading it ends and takes no more memory than it is worth.
func FuzzDumpConnection(f *testing.F) {
	seeds(f, func(b []byte, _ bool) {
		if len(b) < 4096 {
			f.Add(append([]byte{byte(len(b) + 1), byte((len(b) + 1) >> 8), 0, 1, 0}, b...))
		}
	})
	f.Add([]byte{1, 0, 0, 1, 0xff})
	f.Add([]byte{255, 255, 255, 1, 0, 1, 2, 3, 4, 40, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x3f})
	f.Fuzz(func(t *testing.T, b []byte) {
		spent(t, len(b), func() {
			r := offline(replica.ModeGTID, wantsInts())
			r.checksum = 0
			r.cfg.SpoolDir = t.TempDir()
			r.k = &conn{in: packets{nc: &played{pieces: [][]byte{b}}, seq: 1}}
			for range 1000 {
				if _, err := r.Next(); err != nil {
					break
				}
			}
			dropOffline(r)
		})
	})
}
