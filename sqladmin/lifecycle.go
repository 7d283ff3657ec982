package sqladmin

// StartMigration is START MIGRATION, RESUME MIGRATION and START REPLICA.
type StartMigration struct {
	Selection
	IfNotRunning bool // no Note when it runs already
	Until        *Until
	verb         string
}

// StopMigration is STOP MIGRATION, PAUSE MIGRATION and STOP REPLICA.
type StopMigration struct {
	Selection
	IfRunning bool // no Note when it is stopped already
	verb      string
}

// ResetMigration is RESET MIGRATION: it forgets positions.
type ResetMigration struct {
	Name    string
	Channel string // "" for all channels
}

// Verb implements Statement.
func (s *StartMigration) Verb() string { return orDefault(s.verb, "START MIGRATION") }

// Verb implements Statement.
func (s *StopMigration) Verb() string { return orDefault(s.verb, "STOP MIGRATION") }

// Verb implements Statement.
func (*ResetMigration) Verb() string { return "RESET MIGRATION" }

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// parseStart reads what follows START MIGRATION or RESUME MIGRATION.
func parseStart(verb string) func(*parser) Statement {
	return func(p *parser) Statement {
		s := &StartMigration{verb: verb, IfNotRunning: p.words("IF NOT RUNNING")}
		s.Selection = p.selection()
		if p.words("UNTIL") {
			s.Until = p.until()
		}
		p.forChannel(&s.Selection) // MySQL writes it last
		return s
	}
}

// parseStop reads what follows STOP MIGRATION or PAUSE MIGRATION.
func parseStop(verb string) func(*parser) Statement {
	return func(p *parser) Statement {
		s := &StopMigration{verb: verb, IfRunning: p.words("IF RUNNING")}
		s.Selection = p.selection()
		return s
	}
}

func parseReset(p *parser) Statement {
	s := &ResetMigration{Name: p.name("migration")}
	if p.words("FOR CHANNEL") || p.words("CHANNEL") {
		s.Channel = p.channelName()
	}
	return s
}

// selection reads name [, name].. | ALL | FAILED, and FOR CHANNEL.
func (p *parser) selection() Selection {
	var s Selection
	switch {
	case p.words("ALL"):
		s.All = true
	case p.words("FAILED"):
		s.Failed = true
	default:
		s.Names = []string{p.name("migration")}
		for p.comma() {
			s.Names = append(s.Names, p.name("migration"))
		}
	}
	p.forChannel(&s)
	return s
}

func (p *parser) forChannel(s *Selection) {
	if !p.words("FOR CHANNEL") {
		return
	}
	if len(s.Names) != 1 || s.Channel != "" {
		p.fail(Errorf(CodeWrongUsage, "FOR CHANNEL needs exactly one migration name before it"))
	}
	s.Channel = p.channelName()
}

// until reads what follows UNTIL.
func (p *parser) until() *Until {
	u := &Until{}
	switch {
	case p.words("PHASE"):
		p.equals()
		u.Phase = p.enum("PHASE", Phases)
	case p.words("SQL_AFTER_GTIDS"):
		p.equals()
		u.AfterGTIDs = p.nonEmpty("SQL_AFTER_GTIDS")
	case p.words("SQL_BEFORE_GTIDS"):
		p.equals()
		u.BeforeGTIDs = p.nonEmpty("SQL_BEFORE_GTIDS")
	case p.words("SOURCE_LOG_FILE"), p.words("MASTER_LOG_FILE"):
		u.File, u.Pos = p.filePosition()
	default:
		p.expected("PHASE", "SQL_AFTER_GTIDS", "SQL_BEFORE_GTIDS", "SOURCE_LOG_FILE")
	}
	return u
}

// filePosition reads = 'file', SOURCE_LOG_POS = n.
func (p *parser) filePosition() (file string, pos uint64) {
	p.equals()
	file = p.nonEmpty("SOURCE_LOG_FILE")
	p.comma()
	if !p.words("MASTER_LOG_POS") {
		p.expectWords("SOURCE_LOG_POS")
	}
	p.equals()
	return file, p.number("SOURCE_LOG_POS", 4, 1<<63-1)
}
