package forms

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// leastMicros stands for no CPU time at all, in a run too short for its clock.
const leastMicros = 0.001

func (r round) rate() float64 { return float64(r.done.rows) / r.took.Seconds() }

// micros is a CPU time in microseconds a row.
func (r round) micros(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(r.done.rows, 1))
}

func (r round) serverMicros() float64 { return r.micros(r.server) }
func (r round) clientMicros() float64 { return r.micros(r.client) }

// median of a figure over the rounds.
func (r *result) median(figure func(round) float64) float64 {
	var all []float64
	for _, one := range r.rounds {
		all = append(all, figure(one))
	}
	return middle(all)
}

// middle sorts values and returns their median; of an even number the middle
// two's mean.
func middle(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// least and most are a figure's bounds over the rounds.
func (r *result) least(figure func(round) float64) float64 {
	return figure(slices.MinFunc(r.rounds, func(x, y round) int { return cmp.Compare(figure(x), figure(y)) }))
}

func (r *result) most(figure func(round) float64) float64 {
	return figure(slices.MaxFunc(r.rounds, func(x, y round) int { return cmp.Compare(figure(x), figure(y)) }))
}

// against is TiDB's CPU time a row as a share of another form's in the same
// round, the median of the rounds: what slows the machine for a while slows both.
func (r *result) against(o *result) float64 {
	var all []float64
	for i := range r.rounds {
		all = append(all, r.rounds[i].serverMicros()/max(o.rounds[i].serverMicros(), leastMicros))
	}
	return middle(all)
}

// better says whether r answers its question better than o, each in its least
// disturbed round: other load on the machine can only make a form dearer.
func (r *result) better(o *result) bool {
	if r.form.question.byRate() {
		return r.most(round.rate) > o.most(round.rate)
	}
	return r.least(round.serverMicros) < o.least(round.serverMicros)
}

// clearly is how much cheaper a size has to be than the gateway's to be taken
// instead: less is within what the same form differs by from run to run.
const clearly = 0.9

// bestRows is the size of text INSERT for the other questions: what the
// gateway writes, unless another is clearly better.
func (b *bench) bestRows() int {
	var best, current *result
	for _, r := range b.results {
		if r.form.stmt.text == nil || r.form.packets != together {
			continue
		}
		if best == nil || r.better(best) {
			best = r
		}
		if r.form.perStmt == currentRows {
			current = r
		}
	}
	if best == nil || current != nil && best.least(round.serverMicros) > clearly*current.least(round.serverMicros) {
		return currentRows
	}
	return best.form.perStmt
}

// report writes the table and the answers.
func (b *bench) report(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "question\tform\trows/statement\trows/transaction\tconnections\trows/s median\tbest\tTiDB CPU µs/row median\tleast\tto the first, median of rounds\tclient CPU µs/row least\trows measured")
	first := map[question]*result{}
	for _, r := range b.results {
		if first[r.form.question] == nil {
			first[r.form.question] = r
		}
		var rows int64
		for _, one := range r.rounds {
			rows += one.done.rows
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%.0f\t%.0f\t%.1f\t%.1f\t%.2f\t%.1f\t%d\n",
			r.form.question, r.form.name, r.form.perStmt, r.form.perTxn, r.form.lanes,
			r.median(round.rate), r.most(round.rate), r.median(round.serverMicros), r.least(round.serverMicros), r.against(first[r.form.question]), r.least(round.clientMicros), rows)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	_, err := io.WriteString(w, "\n"+b.answers())
	if err != nil {
		return fmt.Errorf("write the answers: %w", err)
	}
	return nil
}

// answers has a line for each question: its best form beside the first, which
// is the plainest, and the next best.
func (b *bench) answers() string {
	var out strings.Builder
	var order []question
	groups := map[question][]*result{}
	for _, r := range b.results {
		q := r.form.question
		if groups[q] == nil {
			order = append(order, q)
		}
		groups[q] = append(groups[q], r)
	}
	for _, q := range order {
		group := groups[q]
		first := group[0]
		sorted := slices.Clone(group)
		slices.SortStableFunc(sorted, func(x, y *result) int {
			switch {
			case x.better(y):
				return -1
			case y.better(x):
				return 1
			}
			return 0
		})
		best := sorted[0]
		fmt.Fprintf(&out, "%s: best is %s (%s), %s of '%s'", q, best.form.name, best.figure(), best.ratio(first), first.form.name)
		if len(sorted) > 1 {
			next := sorted[1]
			fmt.Fprintf(&out, "; next %s (%s)", next.form.name, next.figure())
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func (r *result) figure() string {
	if r.form.question.byRate() {
		return fmt.Sprintf("%.0f rows/s", r.most(round.rate))
	}
	return fmt.Sprintf("%.1f µs of TiDB's CPU a row", r.least(round.serverMicros))
}

// ratio is the form's figure as a share of another's.
func (r *result) ratio(o *result) string {
	if r.form.question.byRate() {
		return fmt.Sprintf("%.2f times the rate", r.most(round.rate)/o.most(round.rate))
	}
	return fmt.Sprintf("%.2f times the CPU", r.least(round.serverMicros)/max(o.least(round.serverMicros), leastMicros))
}
