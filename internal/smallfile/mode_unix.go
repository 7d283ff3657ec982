//go:build unix

package smallfile

import (
	"io/fs"
	"syscall"
)

// Exposed reports whether others than the owner can write the file, or others
// than the owner and the group can read it. Groups may read: that is how
// container platforms and certificate stores hand files to a service.
func Exposed(info fs.FileInfo) bool { return info.Mode().Perm()&0o027 != 0 }

// names is the number of names (hard links) that a file has.
func names(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}
