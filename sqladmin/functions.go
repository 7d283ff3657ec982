package sqladmin

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// function is one SQL function. The arguments are evaluated before; when
// strict, a NULL among them makes the result NULL without a call.
type function struct {
	least, most int  // arguments; most < 0 is no limit
	result      Type // Null: that of the arguments
	strict      bool
	// call returns the value; an error that it returns fails the statement.
	call func(s *scope, a []any) any
}

// functions lists the SQL functions by lower-case name.
var functions = map[string]function{
	"concat":    {1, -1, Text, true, func(_ *scope, a []any) any { return joinStrings("concat", a, "") }},
	"concat_ws": {2, -1, Text, false, concatWS},
	"lower":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.ToLower(asString(a[0])) }},
	"lcase":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.ToLower(asString(a[0])) }},
	"upper":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.ToUpper(asString(a[0])) }},
	"ucase":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.ToUpper(asString(a[0])) }},
	"length":    {1, 1, Int, true, func(_ *scope, a []any) any { return int64(len(asString(a[0]))) }},
	"char_length": {1, 1, Int, true, func(_ *scope, a []any) any {
		return int64(utf8.RuneCountInString(asString(a[0])))
	}},
	"substring": {2, 3, Text, true, substring},
	"substr":    {2, 3, Text, true, substring},
	"mid":       {2, 3, Text, true, substring},
	"left":      {2, 2, Text, true, func(s *scope, a []any) any { return substring(s, []any{a[0], int64(1), a[1]}) }},
	"right":     {2, 2, Text, true, right},
	"trim":      {1, 3, Text, true, trim},
	"ltrim":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.TrimLeft(asString(a[0]), " ") }},
	"rtrim":     {1, 1, Text, true, func(_ *scope, a []any) any { return strings.TrimRight(asString(a[0]), " ") }},
	"replace": {3, 3, Text, true, func(_ *scope, a []any) any {
		text, from, to := asString(a[0]), asString(a[1]), asString(a[2])
		if from == "" {
			return text
		}
		if n := strings.Count(text, from); len(text)+n*(len(to)-len(from)) > maxValueBytes {
			return valueTooLong("replace")
		}
		return strings.ReplaceAll(text, from, to)
	}},
	"instr":           {2, 2, Int, true, func(_ *scope, a []any) any { return position(a[0], a[1]) }},
	"locate":          {2, 2, Int, true, func(_ *scope, a []any) any { return position(a[1], a[0]) }},
	"substring_index": {3, 3, Text, true, substringIndex},

	"convert":      {2, 2, Text, false, convertUsing},
	"charset":      {1, 1, String, false, func(*scope, []any) any { return defaultCharset.name }},
	"collation":    {1, 1, String, false, func(*scope, []any) any { return defaultCharset.collation }},
	"coercibility": {1, 1, Int, false, func(*scope, []any) any { return int64(4) }},
	"hex": {1, 1, Text, true, func(_ *scope, a []any) any {
		if isNumber(a[0]) {
			return strings.ToUpper(strconv.FormatUint(hexNumber(a[0]), 16))
		}
		return strings.ToUpper(hex.EncodeToString([]byte(asString(a[0]))))
	}},
	"isnull": {1, 1, Int, false, func(_ *scope, a []any) any { return int64(btoi(a[0] == nil)) }},
	"field":  {2, -1, Int, false, field},

	"if": {3, 3, Null, false, func(_ *scope, a []any) any {
		if isTrue(a[0]) {
			return a[1]
		}
		return a[2]
	}},
	"ifnull":   {2, 2, Null, false, firstValue},
	"coalesce": {1, -1, Null, false, firstValue},
	"nullif": {2, 2, Null, false, func(s *scope, a []any) any {
		if same, err := s.x.stop.equals(&operand{value: a[0]}, a[1]); same || err != nil {
			return valueOrError(nil, err)
		}
		return a[0]
	}},
	"greatest": {2, -1, Null, true, greatest},
	"least":    {2, -1, Null, true, least},
	"abs":      {1, 1, Null, true, absolute},
	"round":    {1, 2, Null, true, round},
	"floor":    {1, 1, Int, true, floor},
	"ceil":     {1, 1, Int, true, ceiling},
	"ceiling":  {1, 1, Int, true, ceiling},

	"now":               {0, 1, DateTime, true, now},
	"current_timestamp": {0, 1, DateTime, true, now},
	"localtime":         {0, 1, DateTime, true, now},
	"localtimestamp":    {0, 1, DateTime, true, now},
	"sysdate":           {0, 1, DateTime, true, now},
	"utc_timestamp":     {0, 1, DateTime, true, func(s *scope, _ []any) any { return s.now }},
	"curdate":           {0, 0, String, true, func(s *scope, _ []any) any { return s.local().Format("2006-01-02") }},
	"current_date":      {0, 0, String, true, func(s *scope, _ []any) any { return s.local().Format("2006-01-02") }},
	"curtime":           {0, 1, String, true, func(s *scope, _ []any) any { return s.local().Format("15:04:05") }},
	"current_time":      {0, 1, String, true, func(s *scope, _ []any) any { return s.local().Format("15:04:05") }},
	"utc_date":          {0, 0, String, true, func(s *scope, _ []any) any { return s.now.Format("2006-01-02") }},
	"utc_time":          {0, 1, String, true, func(s *scope, _ []any) any { return s.now.Format("15:04:05") }},
	"convert_tz":        {3, 3, DateTime, true, convertTZ},
	"date_format":       {2, 2, String, true, dateFormat},
	"year":              {1, 1, Int, true, part(time.Time.Year)},
	"month":             {1, 1, Int, true, part(func(t time.Time) int { return int(t.Month()) })},
	"day":               {1, 1, Int, true, part(time.Time.Day)},
	"dayofmonth":        {1, 1, Int, true, part(time.Time.Day)},
	"hour":              {1, 1, Int, true, part(time.Time.Hour)},
	"minute":            {1, 1, Int, true, part(time.Time.Minute)},
	"second":            {1, 1, Int, true, part(time.Time.Second)},
	"date": {1, 1, String, true, func(_ *scope, a []any) any {
		if t, ok := asTime(a[0]); ok {
			return t.Format("2006-01-02")
		}
		return nil
	}},
	ast.DateLiteral:      {1, 1, String, true, dateLiteral},
	ast.TimeLiteral:      {1, 1, String, true, timeLiteral},
	ast.TimestampLiteral: {1, 1, DateTime, true, timestampLiteral},
	"unix_timestamp":     {0, 1, Int, true, unixTimestamp},
	"from_unixtime":      {1, 1, DateTime, true, fromUnix},
	"timediff":           {2, 2, String, true, timeDiff},
	"timestampdiff":      {3, 3, Int, true, timestampDiff},
	"date_add":           {3, 3, DateTime, true, func(_ *scope, a []any) any { return addInterval(a, 1) }},
	"adddate":            {3, 3, DateTime, true, func(_ *scope, a []any) any { return addInterval(a, 1) }},
	"date_sub":           {3, 3, DateTime, true, func(_ *scope, a []any) any { return addInterval(a, -1) }},
	"subdate":            {3, 3, DateTime, true, func(_ *scope, a []any) any { return addInterval(a, -1) }},

	"version":        {0, 0, String, true, func(s *scope, _ []any) any { return s.x.server.cfg.ServerVersion }},
	"user":           {0, 0, String, true, currentUser},
	"session_user":   {0, 0, String, true, currentUser},
	"system_user":    {0, 0, String, true, currentUser},
	"current_user":   {0, 0, String, true, func(s *scope, _ []any) any { return s.x.session.User + "@%" }},
	"current_role":   {0, 0, String, true, func(*scope, []any) any { return "NONE" }},
	"database":       {0, 0, String, true, currentSchema},
	"schema":         {0, 0, String, true, currentSchema},
	"connection_id":  {0, 0, Uint, true, func(s *scope, _ []any) any { return uint64(s.x.session.ID) }},
	"last_insert_id": {0, 0, Uint, true, func(s *scope, _ []any) any { return s.x.session.lastOperation }},
	"row_count":      {0, 0, Int, true, func(s *scope, _ []any) any { return s.x.session.rowCount }},
	"found_rows":     {0, 0, Int, true, func(s *scope, _ []any) any { return s.x.session.foundRows }},
}

func (s *scope) call(e *ast.FuncCallExpr) (any, error) {
	name := e.FnName.L
	f, ok := functions[name]
	if !ok {
		return nil, unknownFunction(name)
	}
	if len(e.Args) < f.least || f.most >= 0 && len(e.Args) > f.most {
		return nil, &Error{Code: 1582, State: "42000", Message: "Incorrect parameter count in the call to native function '" + name + "'"}
	}
	args := make([]any, len(e.Args))
	for i, arg := range e.Args {
		var err error
		switch a := arg.(type) {
		case *ast.TimeUnitExpr:
			args[i] = a.Unit.String()
		case *ast.TrimDirectionExpr:
			args[i] = int64(a.Direction)
		default:
			if args[i], err = s.eval(arg); err != nil {
				return nil, err
			}
			if takesNumber(name, i) {
				args[i] = inNumbers(arg, args[i])
			}
		}
		if args[i] == nil && f.strict {
			return nil, nil
		}
	}
	return s.computed(e.FnName.L, f.call(s, args))
}

// takesNumber returns true if a function reads an argument as a number.
func takesNumber(name string, arg int) bool {
	switch name {
	case "abs", "round", "floor", "ceil", "ceiling", "mod", "format", "sec_to_time", "from_unixtime":
		return true
	case "if":
		return arg == 0
	}
	return false
}

// computed counts a value that function name returned.
func (s *scope) computed(name string, v any) (any, error) {
	if err, ok := v.(error); ok {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if len(text) > maxValueBytes {
		return nil, valueTooLong(name)
	}
	if err := s.x.stop.step(len(text) / 16); err != nil {
		return nil, err
	}
	if err := s.x.computed.add(len(text)); err != nil {
		return nil, err
	}
	return v, nil
}

func valueTooLong(name string) error {
	return limitError("a value of %s has more than %d bytes", strings.ToUpper(name), maxValueBytes)
}

func unknownFunction(name string) error {
	switch name {
	case "wait_for_executed_gtid_set", "source_pos_wait", "master_pos_wait", "master_gtid_wait":
		return NotSupported("Function " + strings.ToUpper(name)).
			WithRemedy("WAIT FOR MIGRATION name UNTIL SQL_AFTER_GTIDS = 'set' TIMEOUT n")
	}
	return Errorf(CodeUnknownFunction, "FUNCTION %s does not exist", name)
}

func now(s *scope, _ []any) any         { return s.local() }
func currentUser(s *scope, _ []any) any { return s.x.session.User + "@" + s.x.session.Host }

func currentSchema(s *scope, _ []any) any {
	if schema := s.x.session.view().Schema; schema != "" {
		return schema
	}
	return nil
}

// joinStrings returns the text for function name, or an error when it is too long.
func joinStrings(name string, a []any, separator string) any {
	parts := make([]string, len(a))
	n := 0
	for i, v := range a {
		parts[i] = asString(v)
		if n += len(parts[i]) + len(separator); n-len(separator) > maxValueBytes {
			return valueTooLong(name)
		}
	}
	return strings.Join(parts, separator)
}

func concatWS(_ *scope, a []any) any {
	if a[0] == nil {
		return nil
	}
	var present []any
	for _, v := range a[1:] {
		if v != nil {
			present = append(present, v)
		}
	}
	return joinStrings("concat_ws", present, asString(a[0]))
}

func substring(_ *scope, a []any) any {
	text := asString(a[0])
	count := int64(utf8.RuneCountInString(text))
	from, length := asInt(a[1]), count
	if len(a) > 2 {
		length = asInt(a[2])
	}
	if from < 0 {
		from += count + 1
	}
	if from < 1 || from > count || length < 1 {
		return ""
	}
	return firstRunes(text[len(firstRunes(text, int(from-1))):], int(min(length, count)))
}

func right(_ *scope, a []any) any {
	text := asString(a[0])
	count := int64(utf8.RuneCountInString(text))
	n := min(max(asInt(a[1]), 0), count)
	return text[len(firstRunes(text, int(count-n))):]
}

// trim removes a string, again and again, from both ends or from one.
func trim(_ *scope, a []any) any {
	text, from, direction := asString(a[0]), " ", ast.TrimBothDefault
	if len(a) > 1 {
		from = asString(a[1])
	}
	if len(a) > 2 {
		direction = ast.TrimDirectionType(asInt(a[2]))
	}
	if from == "" {
		return text
	}
	if direction != ast.TrimTrailing {
		for strings.HasPrefix(text, from) {
			text = text[len(from):]
		}
	}
	if direction != ast.TrimLeading {
		for strings.HasSuffix(text, from) {
			text = text[:len(text)-len(from)]
		}
	}
	return text
}

func position(text, part any) int64 {
	before, _, found := strings.Cut(fold(asString(text)), fold(asString(part)))
	if !found {
		return 0
	}
	return int64(utf8.RuneCountInString(before)) + 1
}

func substringIndex(_ *scope, a []any) any {
	text, separator, n := asString(a[0]), asString(a[1]), asInt(a[2])
	if separator == "" || n == 0 {
		return ""
	}
	end := 0
	for ; n > 0; n-- {
		i := strings.Index(text[end:], separator)
		if i < 0 {
			return text
		}
		if end += i; n == 1 {
			return text[:end]
		}
		end += len(separator)
	}
	for end = len(text); ; n++ {
		i := strings.LastIndex(text[:end], separator)
		if i < 0 {
			return text
		}
		if end = i; n == -1 {
			return text[end+len(separator):]
		}
	}
}

func firstValue(_ *scope, a []any) any {
	for _, v := range a {
		if v != nil {
			return v
		}
	}
	return nil
}

func unixTimestamp(s *scope, a []any) any {
	if len(a) == 0 {
		return s.now.Unix()
	}
	t, ok := asTime(a[0])
	if !ok {
		return int64(0)
	}
	return instant(t, s.x.zone()).Unix()
}

// convertUsing is CONVERT(text USING character set): text is UTF-8 in all of
// them.
func convertUsing(_ *scope, a []any) any {
	if a[0] == nil {
		return nil
	}
	cs, err := findCharset(asString(a[1]))
	if err != nil {
		return err
	}
	if b, lost := cs.encode(asString(a[0])); lost > 0 {
		text, _ := cs.decode(b)
		return text
	}
	return asString(a[0])
}

func fromUnix(s *scope, a []any) any {
	f := asFloat(a[0])
	if f < 0 || f > 32536771199 { // MySQL's end of time (manual, 14.7)
		return nil
	}
	return wall(time.UnixMilli(int64(f*1000)), s.x.zone())
}

func timeDiff(_ *scope, a []any) any {
	x, xok := asTime(a[0])
	y, yok := asTime(a[1])
	if !xok || !yok {
		return nil
	}
	d, sign := x.Sub(y).Truncate(time.Second), ""
	if d < 0 {
		d, sign = -d, "-"
	}
	return sign + twoDigits(int64(d.Hours())) + ":" + twoDigits(int64(d.Minutes())%60) + ":" + twoDigits(int64(d.Seconds())%60)
}

func twoDigits(n int64) string {
	if s := asString(n); len(s) > 1 {
		return s
	}
	return "0" + asString(n)
}

// units holds the intervals that have a fixed length.
var units = map[string]time.Duration{"MICROSECOND": time.Microsecond, "SECOND": time.Second, "MINUTE": time.Minute,
	"HOUR": time.Hour, "DAY": 24 * time.Hour, "WEEK": 7 * 24 * time.Hour}

func timestampDiff(_ *scope, a []any) any {
	x, xok := asTime(a[1])
	y, yok := asTime(a[2])
	unit, ok := units[strings.ToUpper(asString(a[0]))]
	if !xok || !yok || !ok {
		return nil
	}
	return int64(y.Sub(x) / unit)
}

func addInterval(a []any, sign float64) any {
	t, ok := asTime(a[0])
	if !ok {
		return nil
	}
	n := sign * asFloat(a[1])
	if n != n || n > 1e9 || n < -1e9 {
		return nil
	}
	switch unit := strings.ToUpper(asString(a[2])); unit {
	case "MONTH":
		return dateOrNull(t.AddDate(0, int(n), 0))
	case "YEAR":
		return dateOrNull(t.AddDate(int(n), 0, 0))
	default:
		d, ok := units[unit]
		if !ok || n*float64(d) > 1<<62 || n*float64(d) < -(1<<62) {
			return nil
		}
		return dateOrNull(t.Add(time.Duration(n * float64(d))))
	}
}

// dateOrNull returns NULL for a time that a DATETIME cannot hold.
func dateOrNull(t time.Time) any {
	if t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return t
}
