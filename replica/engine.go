package replica

import "strings"

// ownRows are the storage engines that keep a table's rows themselves and copy them when ALTER TABLE changes to them. The
// rows of other engines are somewhere else, or nowhere.
var ownRows = map[string]bool{"INNODB": true, "INNOBASE": true, "XTRADB": true, "MYISAM": true, "ARIA": true, "MARIA": true, "MEMORY": true, "HEAP": true, "ARCHIVE": true,
	"CSV": true, "NDB": true, "NDBCLUSTER": true, "ROCKSDB": true, "TOKUDB": true, "MROONGA": true, "COLUMNSTORE": true}

// KeepsRows returns true for a storage engine that keeps a table's rows itself, in any case of letters.
func KeepsRows(engine string) bool { return ownRows[strings.ToUpper(engine)] }
