package catalog

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// kind is one kind of named definitions and the table that holds them.
type kind struct {
	noun  string
	table string
}

func (k *kind) word() string   { return strings.ToUpper(k.noun) }
func (k *kind) plural() string { return strings.ToUpper(k.table) }

var (
	secretKind    = &kind{"secret", "secrets"}
	sourceKind    = &kind{"source", "sources"}
	targetKind    = &kind{"target", "targets"}
	migrationKind = &kind{"migration", "migrations"}
)

// Meta is what the catalog keeps about every definition. Who changes an object
// passes the Version that was read.
type Meta struct {
	Version   uint64
	CreatedBy string
	UpdatedBy string
	CreatedAt time.Time // by the store's clock
	UpdatedAt time.Time // likewise
}

// definition is what is stored of an object, as JSON.
type definition interface {
	// check fills in defaults and refuses what cannot be.
	check() error
	// credentials lists the definition's credentials by their JSON field.
	credentials() map[string]*Credential
}

// record is one row of a kind's table.
type record struct {
	name string
	spec []byte
	meta Meta
}

const recordColumns = "name, spec, version, created_by, updated_by, "

func scanRecord(row interface{ Scan(...any) error }) (r record, err error) {
	err = row.Scan(&r.name, &r.spec, &r.meta.Version, &r.meta.CreatedBy, &r.meta.UpdatedBy,
		stamp{&r.meta.CreatedAt}, stamp{&r.meta.UpdatedAt})
	return r, err
}

func selectRecords(k *kind) string {
	return "SELECT " + recordColumns + micros("created_at") + ", " + micros("updated_at") + " FROM sluice_meta." + k.table
}

// querier is a *sql.DB, or a *sql.Conn within a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// one reads a definition; suffix is "" or " FOR UPDATE". An absent one is
// CodeUnknown with the nearest name.
func one(ctx context.Context, q querier, k *kind, name, suffix string) (record, error) {
	r, err := scanRecord(q.QueryRowContext(ctx, selectRecords(k)+" WHERE name = ?"+suffix, name))
	if errors.Is(err, sql.ErrNoRows) {
		all, err := list(ctx, q, k)
		if err != nil {
			return record{}, err
		}
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].name
		}
		return record{}, unknown(k, name, names)
	}
	if err != nil {
		return record{}, fmt.Errorf("read %s %s: %w", k.noun, name, err)
	}
	return r, nil
}

// list reads all definitions of a kind, ordered by name.
func list(ctx context.Context, q querier, k *kind) ([]record, error) {
	rows, err := q.QueryContext(ctx, selectRecords(k)+" ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.table, err)
	}
	defer rows.Close()
	var all []record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", k.table, err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", k.table, err)
	}
	return all, nil
}

// decode reads a record's spec into an object.
func decode(k *kind, r record, into any) error {
	if err := json.Unmarshal(r.spec, into); err != nil {
		return fmt.Errorf("definition of %s %s: %w", k.noun, r.name, err)
	}
	return nil
}

// create stores a new definition. It returns false when ifNotExists is set and
// the same definition exists.
func (c *Catalog) create(ctx context.Context, k *kind, name string, d definition, ifNotExists bool, by string) (changed bool, err error) {
	if err := checkName(k, name); err != nil {
		return false, err
	}
	if err := d.check(); err != nil {
		return false, err
	}
	run := func() error {
		return c.inTx(ctx, func(tx *sql.Conn) error {
			changed = false
			old, err := one(ctx, tx, k, name, " FOR UPDATE")
			if err == nil {
				if !ifNotExists {
					return exists(k, name)
				}
				return c.mustEqual(ctx, tx, k, old, d)
			}
			if !HasCode(err, CodeUnknown) {
				return err
			}
			spec, err := c.encode(ctx, tx, k, name, d)
			if err != nil {
				return err
			}
			changed = true
			return insert(ctx, tx, k, name, spec, by)
		})
	}
	err = run()
	if duplicate(err) { // somebody created it since we looked
		err = run()
	}
	return changed && err == nil, err
}

func insert(ctx context.Context, tx *sql.Conn, k *kind, name string, spec []byte, by string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sluice_meta.`+k.table+`
  (name, spec, version, created_by, updated_by, created_at, updated_at)
  VALUES (?, ?, 1, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`, name, string(spec), by, by)
	if err != nil {
		return fmt.Errorf("create %s %s: %w", k.noun, name, err)
	}
	return nil
}

// update replaces a definition if its version is still the given one. It
// returns false when the new definition is the old one.
func (c *Catalog) update(ctx context.Context, k *kind, name string, d definition, version uint64, by string) (changed bool, err error) {
	if err := d.check(); err != nil {
		return false, err
	}
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		changed = false
		old, err := one(ctx, tx, k, name, " FOR UPDATE")
		if err != nil {
			return err
		}
		if old.meta.Version != version {
			return concurrent(k, name, old.meta.UpdatedBy, version, old.meta.Version)
		}
		diff, err := c.differences(ctx, k, old, d)
		if err != nil || diff == "" {
			return err
		}
		spec, err := c.encode(ctx, tx, k, name, d)
		if err != nil {
			return err
		}
		changed = true
		_, err = tx.ExecContext(ctx, `UPDATE sluice_meta.`+k.table+` SET spec = ?, version = version + 1, updated_by = ?,
  updated_at = UTC_TIMESTAMP(6) WHERE name = ? AND version = ?`, string(spec), by, name, version)
		if err != nil {
			return fmt.Errorf("change %s %s: %w", k.noun, name, err)
		}
		return nil
	})
	return changed && err == nil, err
}

// drop removes a definition that nothing uses. It returns false when ifExists
// is set and there is none.
func (c *Catalog) drop(ctx context.Context, k *kind, name string, ifExists bool,
	users func(context.Context, querier, string) ([]string, error)) (changed bool, err error) {
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		changed = false
		if _, err := one(ctx, tx, k, name, " FOR UPDATE"); err != nil {
			if ifExists && HasCode(err, CodeUnknown) {
				return nil
			}
			return err
		}
		// Who refers to it locks its row first, so this sees all of them.
		used, err := users(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return inUse(k, name, used)
		}
		changed = true
		if _, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.`+k.table+` WHERE name = ?`, name); err != nil {
			return fmt.Errorf("drop %s %s: %w", k.noun, name, err)
		}
		return nil
	})
	return changed && err == nil, err
}

// encode seals the literals, locks the secrets that the definition names, so
// that they are not dropped meanwhile, and returns the JSON.
func (c *Catalog) encode(ctx context.Context, tx *sql.Conn, k *kind, name string, d definition) ([]byte, error) {
	creds := d.credentials()
	var secrets []string
	for _, field := range slices.Sorted(maps.Keys(creds)) {
		cr, given := creds[field], *creds[field] // the transaction may run again
		defer func() { *cr = given }()
		if cr.plain != "" {
			key, err := c.sealingKey(ctx, tx)
			if err != nil {
				return nil, err
			}
			*cr = Credential{Sealed: key.seal(purpose(k, name, field), cr.plain)}
		}
		if cr.Secret != "" {
			secrets = append(secrets, cr.Secret)
		}
	}
	if err := lock(ctx, tx, secretKind, secrets); err != nil {
		return nil, err
	}
	spec, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", k.noun, name, err)
	}
	return spec, nil
}

// lock makes sure that all names exist until the transaction ends.
func lock(ctx context.Context, tx *sql.Conn, k *kind, names []string) error {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if _, err := one(ctx, tx, k, n, " FOR UPDATE"); err != nil {
			return err
		}
	}
	return nil
}

// purpose is what a literal credential is sealed for.
func purpose(k *kind, name, field string) string { return k.noun + "/" + name + "/" + field }

func (c *Catalog) mustEqual(ctx context.Context, tx *sql.Conn, k *kind, old record, d definition) error {
	diff, err := c.differences(ctx, k, old, d)
	if err != nil || diff == "" {
		return err
	}
	return fail(CodeExistsDifferent, fmt.Sprintf("use ALTER %s to change it", k.word()),
		"%s '%s' exists with a different definition: %s", k.noun, old.name, diff)
}

// differences names the fields in which a definition differs from the stored
// one, with both values but for credentials; "" when they are the same.
func (c *Catalog) differences(ctx context.Context, k *kind, old record, d definition) (string, error) {
	var was map[string]any
	if err := decode(k, old, &was); err != nil {
		return "", err
	}
	spec, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode %s %s: %w", k.noun, old.name, err)
	}
	var is map[string]any
	if err := json.Unmarshal(spec, &is); err != nil {
		return "", fmt.Errorf("encode %s %s: %w", k.noun, old.name, err)
	}
	var diffs []string
	for _, field := range slices.Sorted(maps.Keys(d.credentials())) {
		same, err := c.sameCredential(was[field], *d.credentials()[field], purpose(k, old.name, field))
		if err != nil {
			return "", err
		}
		if !same {
			diffs = append(diffs, field+" differs")
		}
		delete(was, field)
		delete(is, field)
	}
	fields := map[string]bool{}
	for f := range was {
		fields[f] = true
	}
	for f := range is {
		fields[f] = true
	}
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		if a, b := shown(was[f]), shown(is[f]); a != b {
			diffs = append(diffs, fmt.Sprintf("%s is %s, not %s", f, a, b))
		}
	}
	return strings.Join(diffs, "; "), nil
}

// sameCredential compares a stored credential, as decoded from JSON, with one
// that a statement gave.
func (c *Catalog) sameCredential(stored any, now Credential, purpose string) (bool, error) {
	b, err := json.Marshal(stored)
	if err != nil {
		return false, fmt.Errorf("read credential: %w", err)
	}
	var was Credential
	if err := json.Unmarshal(b, &was); err != nil {
		return false, fmt.Errorf("read credential: %w", err)
	}
	if was.Secret != "" || now.Secret != "" || was.IsZero() || now.IsZero() {
		return was.Secret == now.Secret && was.IsZero() == now.IsZero(), nil
	}
	if slices.Equal(was.Sealed, now.Sealed) {
		return true, nil
	}
	if now.plain == "" {
		return false, nil
	}
	plain, err := c.keys.open(purpose, was.Sealed)
	return err == nil && subtle.ConstantTimeCompare([]byte(plain), []byte(now.plain)) == 1, nil
}

func shown(v any) string {
	if v == nil {
		return "unset"
	}
	b, err := json.Marshal(v)
	if err != nil { // it came from JSON
		return "unreadable"
	}
	return string(b)
}

// maxNameBytes keeps <migration id>/<source> within a channel's key.
const maxNameBytes = 150

func checkName(k *kind, name string) error {
	bad := name == "" || utf8.RuneCountInString(name) > 64 || len(name) > maxNameBytes || !utf8.ValidString(name) ||
		strings.Contains(name, "/") || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name
	if bad {
		return fail(CodeBadOption, "choose another name",
			"a %s's name has 1 to 64 characters, without '/', control characters, and spaces at its ends", k.noun)
	}
	return nil
}
