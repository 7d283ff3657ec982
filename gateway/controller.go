package gateway

import (
	"context"
	"errors"
	"time"

	"sluice/gateway/catalog"
	"sluice/replica/protocol"
	"sluice/sqladmin"
)

// changePatience is how long the store may be silent before a statement that
// changes something gives up. It is above what a busy TiDB leaves a ping
// waiting.
const changePatience = 4 * time.Second

// controller carries out the admin port's statements. It decides by nothing but
// the store, so that every node answers alike; what it remembers is shown while
// the store is silent.
type controller struct {
	*services
	memory  *memory
	reading *reading // nil unless this is for one statement that reads
}

func newController(s *services) *controller { return &controller{services: s, memory: newMemory()} }

// toRead returns a controller for one statement that reads.
func (c *controller) toRead() *controller {
	return &controller{services: c.services, memory: c.memory, reading: &reading{}}
}

// view reads the rows of one virtual table, in the order of its columns.
type view func(c *controller, ctx context.Context, s *sqladmin.Session) ([][]any, []sqladmin.Warning, error)

// views lists the virtual tables. A newcomer adds a file view_x.go and a row.
var views = map[string]view{
	"migrations":         viewMigrations,
	"migration_status":   viewMigrationStatus,
	"migration_channels": viewChannels,
	"migration_tables":   viewTables,
	"migration_checks":   viewChecks,
	"migration_errors":   viewErrors,
	"migration_events":   viewEvents,
	"migration_ddl":      viewDDL,
	"workers":            viewWorkers,
	"nodes":              viewNodes,
	"sources":            viewSources,
	"targets":            viewTargets,
	"secrets":            viewSecrets,
	"operations":         viewOperations,
	"processlist":        viewProcesses,
	"replica_status":     viewReplicaStatus,
	"replicas":           viewReplicas,
	"status":             viewStatus,
}

// Read implements sqladmin.Controller. While the store is silent it returns what
// was known last, and a warning that says so.
func (c *controller) Read(ctx context.Context, table string, s *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	v, ok := views[table]
	if !ok {
		return nil, nil, sqladmin.NotSupported("Table sluice." + table)
	}
	r := c.toRead()
	guarded, release := c.pulse.guard(ctx, readPatience)
	defer release()
	rows, warnings, err := v(r, guarded, s)
	if err != nil {
		return nil, nil, c.storeError(guarded, err, "there is nothing to show from before")
	}
	if w := r.staleWarning(); w != nil {
		warnings = append([]sqladmin.Warning{*w}, warnings...)
	}
	return rows, warnings, nil
}

// Execute implements sqladmin.Controller. What changes something is recorded in
// the audit, before it is done and after.
func (c *controller) Execute(ctx context.Context, stmt sqladmin.Statement, s *sqladmin.Session) (*sqladmin.Result, error) {
	if _, ok := stmt.(*sqladmin.ShowCreate); ok {
		return c.executeReading(ctx, stmt, s)
	}
	guarded, release := c.pulse.guard(ctx, changePatience)
	defer release()
	if !sqladmin.Changes(stmt) {
		res, err := c.execute(guarded, stmt, s)
		return res, c.storeError(guarded, err, "nothing was changed")
	}
	// The ping is first so that a store which is silent already is sent nothing
	// that it would do when it wakes.
	err := c.db.PingContext(guarded)
	var id uint64
	if err == nil {
		id, err = c.catalog.BeginOperation(guarded, catalog.Operation{Statement: s.SQL, User: s.User, Host: s.Host, Node: c.cfg.Name})
	}
	if err != nil {
		return nil, c.storeError(guarded, err, "nothing was changed")
	}
	res, err := c.execute(guarded, stmt, s)
	err = c.storeError(guarded, err, "whether the statement took effect is not known")
	c.endOperation(ctx, id, res, err)
	if err != nil {
		return nil, err
	}
	res.OperationID = id
	c.memory.old()
	return res, nil
}

// executeReading carries out a statement that only reads.
func (c *controller) executeReading(ctx context.Context, stmt sqladmin.Statement, s *sqladmin.Session) (*sqladmin.Result, error) {
	r := c.toRead()
	guarded, release := c.pulse.guard(ctx, readPatience)
	defer release()
	res, err := r.execute(guarded, stmt, s)
	if err != nil {
		return nil, c.storeError(guarded, err, "there is nothing to show from before")
	}
	if w := r.staleWarning(); w != nil {
		res.Warnings = append(res.Warnings, *w)
	}
	return res, nil
}

// storeError is adminError for an error that a silent or absent store may have
// caused; outcome says what that means for the statement.
func (c *controller) storeError(guarded context.Context, err error, outcome string) error {
	switch {
	case err == nil:
		return nil
	case wentSilent(guarded):
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "the store at %s does not answer, for %.0f s now: %s",
			c.targets.store.Addr, c.pulse.silence().Seconds(), outcome).
			WithRemedy("%s; when it answers again, look at what there is and repeat the statement", storeRemedy(c.cfg.Name))
	case guarded.Err() == nil && ofStore(err):
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "the store at %s cannot be reached: %s: %s", c.targets.store.Addr, protocol.Plain(err).Error(), outcome).
			WithRemedy("%s; when it answers again, look at what there is and repeat the statement", storeRemedy(c.cfg.Name))
	case accessDenied(err) && bare(err):
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "the store at %s refuses this node's account: %s: %s", c.targets.store.Addr, protocol.Plain(err).Error(), outcome).
			WithRemedy("write the account's password into the file of --store-password-file, which is read at each login; " +
				"without the option, start the node with the right --store")
	}
	return adminError(err)
}

// auditTimeout bounds the audit's last write, which a client that went away
// does not stop.
const auditTimeout = 3 * time.Second

func (c *controller) endOperation(ctx context.Context, id uint64, res *sqladmin.Result, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	ctx, release := c.pulse.guard(ctx, changePatience)
	defer release()
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
	end := func(ctx context.Context) error { return c.catalog.EndOperation(ctx, id, affected, code, message) }
	err = end(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil || unreachable(err):
		c.records.keep("operation", end)
	default:
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
	case *sqladmin.RemoveNode:
		return c.removeNode(ctx, x)
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
