// Package itest tests whole nodes: processes of bin/sluice over real servers,
// driven by SQL on the admin port. The end-to-end cases are the folders of
// cases.
package itest
