//go:build !unix

package smallfile

import "io/fs"

// Exposed is false: permissions are not known here.
func Exposed(fs.FileInfo) bool { return false }

// names is 1: the number of hard links is not known here.
func names(fs.FileInfo) uint64 { return 1 }
