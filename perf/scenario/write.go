package scenario

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"sluice/perf/load"
)

// insertRows writes rows 1..size, so many a transaction, over the tables in
// turn. The sessions' numbers interleave, so that they ascend together.
func insertRows(perTransaction int) func(context.Context, *load.Session, Load) error {
	return func(ctx context.Context, s *load.Session, l Load) error {
		step := perTransaction * s.Workers
		for n, at := 0, s.Worker*perTransaction; at < l.Size; n, at = n+1, at+step {
			from := int64(at) + 1
			if err := s.Insert(ctx, &l.Tables[n%len(l.Tables)], from, min(from+int64(perTransaction), int64(l.Size)+1)); err != nil {
				return err
			}
		}
		return nil
	}
}

// insertEverywhere writes rows 1..size one by one, over the schemas in turn.
func insertEverywhere(ctx context.Context, s *load.Session, l Load) error {
	for at := s.Worker; at < l.Size; at += s.Workers {
		s.Schema = l.Schemas[at%len(l.Schemas)]
		if err := s.Insert(ctx, &l.Tables[0], int64(at)+1, int64(at)+2); err != nil {
			return err
		}
	}
	return nil
}

// own draws one of a session's own rows of 1..n: sessions that never touch the
// same row have no deadlocks.
func own(s *load.Session, r *load.Gen, n int) int64 {
	return int64(r.IntN(n/s.Workers)*s.Workers+s.Worker) + 1
}

// writeOnly is sysbench's oltp_write_only: size transactions of an update of
// an indexed column, one of a column without index, a delete and an insert of
// the same row.
func writeOnly(ctx context.Context, s *load.Session, l Load) error {
	r := s.Random()
	from, to := s.Share(int64(l.Size))
	for range to - from {
		t := &l.Tables[r.IntN(len(l.Tables))]
		s.Begin()
		for _, set := range []string{"k=k+1", "c='" + r.Digits(10) + "'"} {
			if err := s.Exec(ctx, "UPDATE `%s`.`%s` SET %s WHERE id=%d", s.Schema, t.Name, set, own(s, r, l.Initial)); err != nil {
				return err
			}
		}
		id := own(s, r, l.Initial)
		if err := s.Exec(ctx, "DELETE FROM `%s`.`%s` WHERE id=%d", s.Schema, t.Name, id); err != nil {
			return err
		}
		if err := s.Exec(ctx, "INSERT INTO `%s`.`%s` (id,k,c,pad) VALUES (%d,%d,'%s','%s')", s.Schema, t.Name,
			id, r.IntN(1_000_000), r.Digits(10), r.Digits(5)); err != nil {
			return err
		}
		if err := s.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// count raises counters.
func count(ctx context.Context, s *load.Session, l Load) error {
	r := s.Random()
	from, to := s.Share(int64(l.Size))
	for range to - from {
		if err := s.Exec(ctx, "UPDATE `%s`.`%s` SET n=n+1 WHERE id=%d", s.Schema, l.Tables[0].Name, r.Zipf(1000)+1); err != nil {
			return err
		}
	}
	return nil
}

// moveUniques updates rows; every fifth update gives a row a unique value that
// another had before.
func moveUniques(ctx context.Context, s *load.Session, l Load) error {
	r := s.Random()
	// What each row has, and some values that nobody has.
	type held struct {
		email string
		phone int64
	}
	have := map[int64]held{}
	var free [8]held
	for i := range free {
		free[i].email, free[i].phone = load.NewUnique(int64(i)+1, 1)
	}
	for n := range l.Size {
		id := int64(r.IntN(l.Initial)) + 1
		if n%5 != 0 {
			if err := s.Exec(ctx, "UPDATE `%s`.`%s` SET score=%d, note='%s' WHERE id=%d", s.Schema, l.Tables[0].Name,
				r.IntN(1_000_000), r.Text(40), id); err != nil {
				return err
			}
			continue
		}
		now, ok := have[id]
		if !ok {
			now.email, now.phone = load.NewUnique(id, 0)
		}
		spare := &free[r.IntN(len(free))]
		set := fmt.Sprintf("email='%s'", spare.email)
		if n%2 == 0 {
			now.email, spare.email = spare.email, now.email
		} else {
			set = fmt.Sprintf("phone=%d", spare.phone)
			now.phone, spare.phone = spare.phone, now.phone
		}
		have[id] = now
		if err := s.Exec(ctx, "UPDATE `%s`.`%s` SET %s WHERE id=%d", s.Schema, l.Tables[0].Name, set, id); err != nil {
			return err
		}
	}
	return nil
}

// mixed inserts rows one by one and updates one in five.
func mixed(ctx context.Context, s *load.Session, l Load) error {
	r := s.Random()
	from, to := s.Share(int64(l.Size))
	for id := from; id < to; id++ {
		if err := s.Insert(ctx, &l.Tables[0], id, id+1); err != nil {
			return err
		}
		if id%5 != 0 {
			continue
		}
		if err := s.Exec(ctx, "UPDATE `%s`.`%s` SET price=price+1.5, doc=JSON_SET(doc,'$.score',%d), seen=NULL WHERE id=%d",
			s.Schema, l.Tables[0].Name, r.IntN(1000), from+int64(r.IntN(int(id-from+1)))); err != nil {
			return err
		}
	}
	return nil
}

// keylessChange is how many inserts there are for each update or delete: these
// read the whole table, in the source and in the target.
const keylessChange = 1000

// keyless inserts rows, and updates and deletes some of its own.
func keyless(ctx context.Context, s *load.Session, l Load) error {
	from, to := s.Share(int64(l.Size))
	for id := from; id < to; id++ {
		if err := s.Insert(ctx, &l.Tables[0], id, id+1); err != nil {
			return err
		}
		var err error
		switch (id - from) % (2 * keylessChange) {
		case 10:
			err = s.Exec(ctx, "UPDATE `%s`.`%s` SET level='seen' WHERE n=%d", s.Schema, l.Tables[0].Name, id-5)
		case 10 + keylessChange:
			err = s.Exec(ctx, "DELETE FROM `%s`.`%s` WHERE n=%d", s.Schema, l.Tables[0].Name, id-5)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bigStatement is how many rows a statement of the one transaction has.
const bigStatement = 1000

func oneTransaction(ctx context.Context, s *load.Session, l Load) error {
	s.Begin()
	for id := int64(1); id <= int64(l.Size); id += bigStatement {
		if err := s.Insert(ctx, &l.Tables[0], id, min(id+bigStatement, int64(l.Size)+1)); err != nil {
			return err
		}
	}
	return s.Commit(ctx)
}

// ddlEvery is the pace of the statements that alter tables.
var ddlEvery = map[Scale]time.Duration{Small: 200 * time.Millisecond, Normal: 5 * time.Second, Large: 5 * time.Second}

// alterTables alters one of the tables every few seconds. The tables end as
// they began: a replica that starts before the load is told today's definition.
func alterTables(ctx context.Context, db *sql.DB, schema string, scale Scale, done <-chan struct{}) error {
	const (
		add    = "ALTER TABLE `%s`.sbtest1 ADD COLUMN extra INT NOT NULL DEFAULT 7"
		remove = "ALTER TABLE `%s`.sbtest1 DROP COLUMN extra"
		index  = "ALTER TABLE `%s`.sbtest2 ADD INDEX pad (pad)"
		unique = "ALTER TABLE `%s`.sbtest2 DROP INDEX pad"
	)
	every := time.NewTicker(ddlEvery[scale])
	defer every.Stop()
	for {
		for i, stmt := range []string{add, index, remove, unique} {
			if i == 0 {
				select {
				case <-done:
					return nil
				default:
				}
			}
			if _, err := db.ExecContext(ctx, fmt.Sprintf(stmt, schema)); err != nil {
				return fmt.Errorf("alter a table of the load: %w", err)
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-done: // the rest of the round at once
			case <-every.C:
			}
		}
	}
}
