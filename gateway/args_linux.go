package gateway

import "unsafe"

// mask overwrites a part of a command line argument with x. On Linux the texts
// of os.Args are the process's own argument memory, which may be written, and
// which /proc/PID/cmdline shows.
func mask(arg string, from, to int) {
	b := unsafe.Slice(unsafe.StringData(arg), len(arg))
	for i := from; i < to; i++ {
		b[i] = 'x'
	}
}
