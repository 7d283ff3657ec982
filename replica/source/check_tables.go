package source

import (
	"context"
	"fmt"
	"strings"

	"sluice/replica"
)

// carriedTypes are the values of information_schema's DATA_TYPE that can be
// carried: one per replica.ColumnType.
var carriedTypes = nameSet("tinyint,smallint,mediumint,int,bigint,float,double,decimal,bit,date,time,datetime,timestamp,year," +
	"char,varchar,tinytext,text,mediumtext,longtext,binary,varbinary,tinyblob,blob,mediumblob,longblob,enum,set,json,vector")

// each runs a query whose first two columns are a schema and a table, and
// calls fn with the further columns for the tables that are checked.
func (c *checker) each(ctx context.Context, query string, fn func(t TableInfo, rest []string)) error {
	wanted := make(map[string]TableInfo, len(c.tables))
	for _, t := range c.tables {
		wanted[t.Schema+"\x00"+t.Name] = t
	}
	rows, err := c.src.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]string, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if t, ok := wanted[values[0]+"\x00"+values[1]]; ok {
			fn(t, values[2:])
		}
	}
	return rows.Err()
}

func checkEngines(ctx context.Context, c *checker) error {
	return c.each(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(ENGINE, ''), TABLE_TYPE FROM information_schema.TABLES
		WHERE (UPPER(COALESCE(ENGINE, '')) NOT IN ('INNODB', 'ROCKSDB', 'NDBCLUSTER') OR TABLE_TYPE = 'SYSTEM VERSIONED')
		AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND LOWER(TABLE_SCHEMA) NOT IN (`+systemSchemas+`)`,
		func(t TableInfo, rest []string) {
			if rest[1] == "SYSTEM VERSIONED" {
				c.addFor(t, t.object(), "system_versioned", Warning, "the table is system-versioned: only its current rows are carried",
					"keep the history on the source", "")
				return
			}
			if rest[0] != "" && !replica.KeepsRows(rest[0]) {
				c.addFor(t, t.object(), "engine", Error, fmt.Sprintf("tables of engine %s keep no rows of their own: what the binlog says of them is not what they have", rest[0]),
					"leave the table out", "")
				return
			}
			c.addFor(t, t.object(), "engine", Warning, fmt.Sprintf("engine %s has no transactions: a change may be seen before it is in the binlog", rest[0]),
				"change the table to InnoDB before copying it, or do not change it during the copy", "ALTER TABLE "+replica.QuoteTable(t.Schema, t.Name)+" ENGINE=InnoDB")
		})
}

func checkColumns(ctx context.Context, c *checker) error {
	err := c.each(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE), LOWER(COLUMN_TYPE), UPPER(COALESCE(EXTRA, ''))
		FROM information_schema.COLUMNS WHERE LOWER(TABLE_SCHEMA) NOT IN (`+systemSchemas+`)
		ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
		func(t TableInfo, rest []string) {
			object := t.object() + "." + rest[0]
			switch {
			case strings.Contains(rest[3], "GENERATED") && !strings.Contains(rest[3], "DEFAULT_GENERATED"):
				return // computed again on the target
			case strings.Contains(rest[2], "compressed"):
				c.addFor(t, object, "column_type", Error, "compressed columns are not supported", "store the column without COMPRESSED, or leave the table out", "")
			case spatialTypes[rest[1]]:
				c.addFor(t, object, "column_type", Warning, fmt.Sprintf("TiDB has no type %s: its values are carried as the bytes that MySQL stores, an SRID and a WKB", rest[1]),
					"make the target's table by hand with a LONGBLOB in the column's place, or leave the table out", "")
			case !carriedTypes[rest[1]]:
				c.addFor(t, object, "column_type", Error, fmt.Sprintf("type %s cannot be carried", rest[1]), "change the column's type, or leave the table out", "")
			}
		})
	c.fine("column_type", "all column types can be carried")
	return err
}

// spatialTypes are GEOMETRY and its subtypes, as information_schema names them.
var spatialTypes = map[string]bool{"geometry": true, "point": true, "linestring": true, "polygon": true, "multipoint": true,
	"multilinestring": true, "multipolygon": true, "geomcollection": true, "geometrycollection": true}

// checkForeignKeys finds keys whose actions InnoDB carries out by itself: the
// rows that they change are not in the binlog.
func checkForeignKeys(ctx context.Context, c *checker) error {
	if !c.facts.NativeForeignKeys {
		c.add("foreign_key_action", OK, "row changes by foreign keys are in the binlog", "", "")
		return nil
	}
	err := c.each(ctx, `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE
		FROM information_schema.REFERENTIAL_CONSTRAINTS
		WHERE DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`,
		func(t TableInfo, rest []string) {
			c.addFor(t, t.object(), "foreign_key_action", Error,
				fmt.Sprintf("foreign key %s has ON DELETE %s, ON UPDATE %s: the rows that it changes are not in the source's binlog", replica.Quote(rest[0]), rest[1], rest[2]),
				"make the key RESTRICT and let the application change the rows, upgrade the source to MySQL 9.6 or newer, or leave the table out",
				"ALTER TABLE "+replica.QuoteTable(t.Schema, t.Name)+" DROP FOREIGN KEY "+replica.Quote(rest[0]))
		})
	c.fine("foreign_key_action", "no foreign key changes rows by itself")
	return err
}

// checkHashKeys finds MariaDB's UNIQUE keys over a TEXT, a BLOB or columns too long for an index: their tables have hidden
// columns, which the binlog's rows have too.
func checkHashKeys(ctx context.Context, c *checker) error {
	if c.facts.Flavor != FlavorMariaDB {
		return nil
	}
	err := c.each(ctx, `SELECT DISTINCT s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME FROM information_schema.STATISTICS s
		JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.TABLE_SCHEMA AND t.TABLE_NAME = s.TABLE_NAME
		WHERE s.INDEX_TYPE = 'HASH' AND s.NON_UNIQUE = 0 AND t.ENGINE <> 'MEMORY'`,
		func(t TableInfo, rest []string) {
			c.addFor(t, t.object(), "hash_key", Error, fmt.Sprintf("unique key %s is one of hashes, in a hidden column that the binlog's rows have too: they cannot be read", replica.Quote(rest[0])),
				"drop the key or make it one of prefixes, or leave the table out",
				"ALTER TABLE "+replica.QuoteTable(t.Schema, t.Name)+" DROP KEY "+replica.Quote(rest[0]))
		})
	c.fine("hash_key", "no unique key is one of hashes")
	return err
}

// checkKeys finds tables without a key that identifies a row.
func checkKeys(ctx context.Context, c *checker) error {
	keyed := map[string]bool{}
	err := c.each(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, MAX(NULLABLE = 'YES' OR SUB_PART IS NOT NULL OR COLUMN_NAME IS NULL)
		FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 GROUP BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME`,
		func(t TableInfo, rest []string) {
			if rest[0] == "PRIMARY" || rest[1] == "0" {
				keyed[t.object()] = true
			}
		})
	if err != nil {
		return err
	}
	for _, t := range c.tables {
		if keyed[t.object()] {
			continue
		}
		c.keyless = append(c.keyless, t)
		c.addFor(t, t.object(), "no_key", Warning, "the table has no primary key: it is copied in one piece and its changes are slow to apply",
			"give it a primary key before the migration starts: once it runs, it cannot follow this ALTER. "+
				"Without one the copy needs the right LOCK TABLES on a MySQL source",
			"ALTER TABLE "+replica.QuoteTable(t.Schema, t.Name)+" ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST")
	}
	c.fine("no_key", "every table has a key")
	return nil
}
