package gateway

import (
	"context"

	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// viewChannels is SHOW MIGRATION CHANNELS. What is not known before the channel
// ran for the first time is as the source's definition says, or NULL.
func viewChannels(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	sources, err := c.sourcesByName(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, m := range snap.migrations {
		for _, ch := range snap.channels[m.ID] {
			rows = append(rows, channelRow(m, ch, sources[ch.Source]))
		}
	}
	return rows, snap.warnings, nil
}

func (c *controller) sourcesByName(ctx context.Context) (map[string]*catalog.Source, error) {
	list, err := c.sources(ctx)
	if err != nil {
		return nil, err
	}
	m := make(map[string]*catalog.Source, len(list))
	for _, s := range list {
		m[s.Name] = s
	}
	return m, nil
}

func channelRow(m *catalog.Migration, ch *channelView, src *catalog.Source) []any {
	st := &ch.st
	host, port, flavor := st.SourceHost, st.SourcePort, st.Flavor
	if src != nil {
		if host == "" {
			host, port = src.Host, int(src.Port)
		}
		if flavor == "" {
			flavor = src.Flavor
		}
	}
	receiver, applier := threadStates(ch)
	return []any{ch.Name, m.Name, ch.Source, host, port, known(uint64(st.SourceID)), st.SourceUUID, st.SourceVersion, flavor,
		ch.Owner, ch.Epoch, receiver, applier, st.LogFile, st.ReadPos, st.ExecPos, st.Retrieved, st.Executed, nullable(ch.behind()),
		nullable(ofNow(ch, st.LagBytes)), nullable(ofNow(ch, st.BinlogExpiresIn)), st.IOErrno, named(inOrder(st.IOError), m.Name), st.SQLErrno, named(inOrder(st.SQLError), m.Name)}
}

// ofNow returns what is known of the source now; nil while nobody runs the
// channel, or the source does not answer: an old value would be taken for today's.
func ofNow[T any](ch *channelView, v *T) *T {
	if !ch.running() || !ch.st.SourceSeen {
		return nil
	}
	return v
}

// threadStates are what the channel's two halves do, in MySQL's wording; "" for
// a half that does not run.
func threadStates(ch *channelView) (receiver, applier string) {
	if !ch.running() {
		return "", ""
	}
	return ch.st.ReceiverState, ch.st.ApplierState
}

// known is NULL for 0.
func known(n uint64) any {
	if n == 0 {
		return nil
	}
	return n
}
