package gateway

import (
	"context"

	"sluice/sqladmin"
)

func (c *controller) showCreate(ctx context.Context, x *sqladmin.ShowCreate) (*sqladmin.Result, error) {
	var (
		text string
		err  error
	)
	switch x.Kind {
	case "SOURCE":
		text, err = c.showCreateSource(ctx, x.Name)
	case "TARGET":
		text, err = c.showCreateTarget(ctx, x.Name)
	default:
		text, err = c.showCreateMigration(ctx, x.Name)
	}
	if err != nil {
		return nil, err
	}
	return &sqladmin.Result{Rows: [][]any{{x.Name, text}}}, nil
}
