// Package forms measures which SQL the gateway should write: how many rows a
// statement and a transaction should have, as text or prepared, which form of
// UPDATE and DELETE, in how many packets, on how many connections, and under
// which session variables.
//
// Each form writes lane transactions as gateway/apply does: BEGIN OPTIMISTIC,
// the guarded UPDATE of a lane's row and the row statements, all answers read
// and their counts checked, then COMMIT. Beside each form's rate stands the
// CPU time that TiDB spent on a row, which other load on the machine changes
// much less. After each run the table is compared with what was written.
package forms
