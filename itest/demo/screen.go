package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen prints the demo's text. On a terminal one line can be redrawn; to
// anything else such a line is printed anew, once in a while.
type screen struct {
	out      io.Writer
	terminal bool

	mu      sync.Mutex
	step    int
	live    bool // a redrawn line is on the screen
	printed time.Time
}

// plainEvery is how often a line that would be redrawn is printed where there
// is no terminal.
const plainEvery = 2 * time.Second

func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	return &screen{out: f, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// heading begins a numbered step.
func (s *screen) heading(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step++
	s.clear()
	title := fmt.Sprintf("%d. %s", s.step, text)
	if s.terminal {
		title = "\033[1m" + title + "\033[0m"
	}
	fmt.Fprintf(s.out, "\n%s\n", title)
}

// line prints a line that stays.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintln(s.out, strings.TrimRight("   "+fmt.Sprintf(format, args...), " "))
}

// bare prints a line without the indent.
func (s *screen) bare(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// statement prints SQL after the name of who is asked, as a client shows it.
func (s *screen) statement(who, sql string) {
	prompt := who + "> "
	s.line("%s%s;", prompt, strings.ReplaceAll(sql, "\n", "\n   "+strings.Repeat(" ", len(prompt))))
}

// update shows the state of something that goes on.
func (s *screen) update(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "   " + fmt.Sprintf(format, args...)
	if s.terminal {
		fmt.Fprintf(s.out, "\r\033[K%s", text)
		s.live = true
		return
	}
	if time.Since(s.printed) >= plainEvery {
		fmt.Fprintln(s.out, text)
		s.printed = time.Now()
	}
}

// clear removes the redrawn line.
func (s *screen) clear() {
	if s.live {
		fmt.Fprint(s.out, "\r\033[K")
		s.live = false
	}
	s.printed = time.Time{}
}

// barWidth is how many characters a progress bar has.
const barWidth = 30

// bar draws a progress bar.
func bar(pct float64) string {
	full := int(max(0, min(100, pct)) / 100 * barWidth)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

// count writes a number with separators between thousands.
func count[N int | int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
