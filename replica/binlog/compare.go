package binlog

import (
	"context"

	"sluice/replica"
)

// Compare opens a dump at start and reads it until the source's history has been
// compared with Config.Past, or the first transaction behind start comes. Its
// errors are those of Open and Next. Config must have a ServerID and UUID that no
// stream has, as the source would end that one.
func Compare(ctx context.Context, cfg Config, start replica.Position) error {
	r, err := Open(ctx, cfg, start, wantsNothing{})
	if err != nil {
		return err
	}
	defer r.Close()
	for !r.past.history.Compared() && len(r.ready) == 0 {
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

// wantsNothing is a Resolver that wants nothing.
type wantsNothing struct{}

func (wantsNothing) Table(*TableMap) (*replica.Table, error) { return nil, nil }

func (wantsNothing) Statement(replica.DDL) error { return nil }
