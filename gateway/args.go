package gateway

import "strings"

// HideStorePassword returns a copy of a command line for parsing, and removes
// the password of --store from the original where the system allows it, so that
// process lists do not show it. Until the process got here it was there to see:
// --store-password-file has no such moment.
func HideStorePassword(args []string) []string {
	copied := make([]string, len(args))
	for i, a := range args {
		copied[i] = strings.Clone(a)
	}
	for i, a := range copied {
		name, value, joined := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name != "store" || !strings.HasPrefix(a, "-") {
			continue
		}
		at := len(a) - len(value)
		if !joined {
			if i+1 == len(args) {
				break
			}
			i, value, at = i+1, copied[i+1], 0
		}
		if from, to, ok := passwordIn(value); ok {
			mask(args[i], at+from, at+to)
		}
	}
	return copied
}

// passwordIn returns where the password is in user:password@net(addr)/: between
// the first colon and the last @ before the last slash, as the driver reads it.
func passwordIn(dsn string) (from, to int, ok bool) {
	end := strings.LastIndexByte(dsn, '/')
	if end < 0 {
		end = len(dsn)
	}
	to = strings.LastIndexByte(dsn[:end], '@')
	if to < 0 {
		return 0, 0, false
	}
	colon := strings.IndexByte(dsn[:to], ':')
	return colon + 1, to, colon >= 0 && colon+1 < to
}
