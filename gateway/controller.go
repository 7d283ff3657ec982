package gateway

import (
	"context"
	"errors"
	"time"

	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// controller carries out the admin port's statements. It keeps no state: all of
// it is in the store, so that every node answers alike.
type controller struct {
	*services
}

func newController(s *services) *controller { return &controller{s} }

// view reads the rows of one virtual table, in the order of its columns.
type view func(c *controller, ctx context.Context, s *sqladmin.Session) ([][]any, []sqladmin.Warning, error)

// views lists the virtual tables. A newcomer adds a file view_x.go and a row.
var views = map[string]view{
	"migrations":            viewMigrations,
	"migration_status":      viewMigrationStatus,
	"migration_channels":    viewChannels,
	"migration_tables":      viewTables,
	"migration_checks":      viewChecks,
	"migration_errors":      viewErrors,
	"migration_events":      viewEvents,
	"migration_ddl":         viewDDL,
	"auto_increment_report": viewAutoIncrement,
	"workers":               viewWorkers,
	"nodes":                 viewNodes,
	"sources":               viewSources,
	"targets":               viewTargets,
	"secrets":               viewSecrets,
	"operations":            viewOperations,
	"processlist":           viewProcesses,
	"replica_status":        viewReplicaStatus,
	"replicas":              viewReplicas,
	"status":                viewStatus,
}

// Read implements sqladmin.Controller.
func (c *controller) Read(ctx context.Context, table string, s *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	v, ok := views[table]
	if !ok {
		return nil, nil, sqladmin.NotSupported("Table sluice." + table)
	}
	rows, warnings, err := v(c, ctx, s)
	if err != nil {
		return nil, nil, adminError(err)
	}
	return rows, warnings, nil
}

// Execute implements sqladmin.Controller. What changes something is recorded in
// the audit, before it is done and after.
func (c *controller) Execute(ctx context.Context, stmt sqladmin.Statement, s *sqladmin.Session) (*sqladmin.Result, error) {
	if !sqladmin.Changes(stmt) {
		res, err := c.execute(ctx, stmt, s)
		return res, adminError(err)
	}
	id, err := c.catalog.BeginOperation(ctx, catalog.Operation{Statement: s.SQL, User: s.User, Host: s.Host, Node: c.cfg.Name})
	if err != nil {
		return nil, adminError(err)
	}
	res, err := c.execute(ctx, stmt, s)
	err = adminError(err)
	c.endOperation(ctx, id, res, err)
	if err != nil {
		return nil, err
	}
	res.OperationID = id
	return res, nil
}

// auditTimeout bounds the audit's last write, which a client that went away
// does not stop.
const auditTimeout = 3 * time.Second

func (c *controller) endOperation(ctx context.Context, id uint64, res *sqladmin.Result, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	var (
		affected uint64
		code     uint16
		message  string
		e        *sqladmin.Error
	)
	switch {
	case errors.As(err, &e):
		code, message = e.Code, e.Error()
	case err != nil:
		code, message = sqladmin.CodeInterrupted, "interrupted"
	default:
		affected, message = res.Affected, res.Info
	}
	if err := c.catalog.EndOperation(ctx, id, affected, code, message); err != nil {
		c.log.Warn("record the end of an operation", "operation", id, "error", err.Error())
	}
}

// execute carries out one statement: one case for each of sqladmin's types.
func (c *controller) execute(ctx context.Context, stmt sqladmin.Statement, s *sqladmin.Session) (*sqladmin.Result, error) {
	switch x := stmt.(type) {
	case *sqladmin.CreateSecret:
		return c.createSecret(ctx, x, s)
	case *sqladmin.AlterSecret:
		return c.alterSecret(ctx, x, s)
	case *sqladmin.CreateSource:
		return c.createSource(ctx, x, s)
	case *sqladmin.AlterSource:
		return c.alterSource(ctx, x, s)
	case *sqladmin.CreateTarget:
		return c.createTarget(ctx, x, s)
	case *sqladmin.AlterTarget:
		return c.alterTarget(ctx, x, s)
	case *sqladmin.CreateMigration:
		return c.createMigration(ctx, x, s)
	case *sqladmin.AlterMigration:
		return c.alterMigration(ctx, x, s)
	case *sqladmin.DropObject:
		return c.drop(ctx, x)
	case *sqladmin.StartMigration:
		return c.startMigration(ctx, x, s)
	case *sqladmin.StopMigration:
		return c.stopMigration(ctx, x, s)
	case *sqladmin.ResetMigration:
		return c.resetMigration(ctx, x)
	case *sqladmin.MoveChannel:
		return c.moveChannel(ctx, x)
	case *sqladmin.DrainNode:
		return c.drainNode(ctx, x)
	case *sqladmin.Kill:
		return c.kill(ctx, x)
	case *sqladmin.Check:
		return c.check(ctx, x)
	case *sqladmin.WaitFor:
		return c.waitFor(ctx, x)
	case *sqladmin.ShowCreate:
		return c.showCreate(ctx, x)
	}
	return nil, sqladmin.NotSupported(stmt.Verb())
}
