// Package servers gets, starts and stops the real database servers that
// Sluice is tested, measured and shown with: MySQL and MariaDB as sources and
// TiDB as the target.
//
// A server program is looked for in an environment variable, in the lab's
// cache, on the PATH, and is fetched into the cache last: MySQL and MariaDB as
// Debian packages unpacked into a private root and run through that root's own
// loader, so that nothing is installed on the machine; TiDB is built from the
// nested module itest/lab/tidb. The cache is $SLUICE_LAB, else sluice-lab in
// the user's cache folder, so that all clones on a machine share it.
//
// Servers end with the process that started them, also when it is killed
// (on Linux).
package servers
