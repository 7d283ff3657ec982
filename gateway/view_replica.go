package gateway

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// viewReplicaStatus is SHOW REPLICA STATUS: each channel in MySQL's words
// (MySQL manual, 15.7.7.35). Columns that have no meaning here, such as those
// of the relay log, are empty as MySQL has them when a feature is off.
func viewReplicaStatus(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	sources, err := c.sourcesByName(ctx)
	if err != nil {
		return nil, nil, err
	}
	table := sqladmin.LookupTable("replica_status")
	var rows [][]any
	for _, m := range snap.migrations {
		for _, ch := range snap.channels[m.ID] {
			src := sources[ch.Source]
			if src == nil {
				src = &catalog.Source{Name: ch.Source}
			}
			values := replicaValues(m, ch, src)
			row := make([]any, len(table.Columns))
			for i, col := range table.Columns {
				row[i] = values[col.Name]
			}
			rows = append(rows, row)
		}
	}
	return rows, snap.warnings, nil
}

// replicaValues returns a channel's columns by name; what is absent is NULL.
func replicaValues(m *catalog.Migration, ch *channelView, src *catalog.Source) map[string]any {
	st, spec := &ch.st, &m.Spec
	receiver, applier := threadStates(ch)
	v := map[string]any{
		"Replica_IO_State": receiver, "Source_Host": src.Host, "Source_User": src.User, "Source_Port": uint64(src.Port),
		"Connect_Retry":   uint64(time.Duration(src.ConnectRetry) / time.Second),
		"Source_Log_File": st.LogFile, "Read_Source_Log_Pos": st.ReadPos,
		"Relay_Log_File": "", "Relay_Log_Pos": uint64(0), "Relay_Log_Space": uint64(0), "Relay_Source_Log_File": st.ExecFile,
		"Replica_IO_Running": receiverRunning(ch), "Replica_SQL_Running": yes(applierRunning(ch)),
		"Replicate_Do_DB": joined(spec.DoDB), "Replicate_Ignore_DB": joined(spec.IgnoreDB),
		"Replicate_Do_Table": tableList(spec.DoTable), "Replicate_Ignore_Table": tableList(spec.IgnoreTable),
		"Replicate_Wild_Do_Table": joined(spec.WildDoTable), "Replicate_Wild_Ignore_Table": joined(spec.WildIgnoreTable),
		"Replicate_Rewrite_DB": rewriteList(spec.RewriteDB), "Replicate_Ignore_Server_Ids": "",
		"Skip_Counter": uint64(0), "Exec_Source_Log_Pos": st.ExecPos,
		"Until_Condition": "None", "Until_Log_File": "", "Until_Log_Pos": uint64(0),
		"Source_SSL_Allowed": yes(src.Mode != "" && src.Mode != "DISABLED"), "Source_SSL_CA_File": pemOrPath(src.CA), "Source_SSL_CA_Path": "",
		"Source_SSL_Cert": pemOrPath(src.Cert), "Source_SSL_Cipher": "", "Source_SSL_Key": src.Key.String(),
		"Source_SSL_Verify_Server_Cert": yes(strings.HasPrefix(src.Mode, "VERIFY")), "Source_SSL_Crl": "", "Source_SSL_Crlpath": "",
		"Source_TLS_Version": "", "Source_public_key_path": "", "Get_Source_public_key": int64(1), "Network_Namespace": "",
		"Seconds_Behind_Source": nullable(ch.behind()),
		"Last_IO_Errno":         st.IOErrno, "Last_IO_Error": named(inOrder(st.IOError), m.Name), "Last_IO_Error_Timestamp": errorStamp(st.IOErrno, st.IOErrorAt),
		"Last_SQL_Errno": st.SQLErrno, "Last_SQL_Error": named(inOrder(st.SQLError), m.Name), "Last_SQL_Error_Timestamp": errorStamp(st.SQLErrno, st.SQLErrorAt),
		// Last_Errno is an alias of Last_SQL_Errno in MySQL.
		"Last_Errno": st.SQLErrno, "Last_Error": named(inOrder(st.SQLError), m.Name),
		"Source_Server_Id": uint64(st.SourceID), "Source_UUID": st.SourceUUID, "Source_Info_File": "sluice_meta.channels",
		"SQL_Delay": uint64(time.Duration(src.Delay) / time.Second), "SQL_Remaining_Delay": nil, "Replica_SQL_Running_State": applier,
		"Source_Retry_Count": uint64(0), "Source_Bind": "", "Retrieved_Gtid_Set": st.Retrieved, "Executed_Gtid_Set": st.Executed,
		"Auto_Position": int64(number(st.Executed != "")), "Channel_Name": ch.Name,
	}
	return v
}

// receiverRunning is Replica_IO_Running: Connecting while it tries.
func receiverRunning(ch *channelView) string {
	switch {
	case !ch.running() || ch.status == migration.StatusError:
		return "No"
	case ch.st.Connected:
		return "Yes"
	}
	return "Connecting"
}

func applierRunning(ch *channelView) bool {
	return ch.running() && (ch.status == migration.StatusRunning || ch.status == migration.StatusStopping && ch.Desired != cluster.DesiredRunning)
}

func yes(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// errorStamp is MySQL's form YYMMDD hh:mm:ss, "" without an error.
func errorStamp(errno int, at time.Time) string {
	if errno == 0 || at.IsZero() {
		return ""
	}
	return at.UTC().Format("060102 15:04:05")
}

func tableList(tables []catalog.TableName) string {
	var l []string
	for _, t := range tables {
		l = append(l, t.Schema+"."+t.Name)
	}
	return joined(l)
}

func rewriteList(pairs []catalog.Rewrite) string {
	var l []string
	for _, p := range pairs {
		l = append(l, fmt.Sprintf("(%s,%s)", p.From, p.To))
	}
	return joined(l)
}

// viewReplicas is SHOW REPLICAS: the channels as their sources list them.
func viewReplicas(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	members := setOf(c.cluster.Members())
	var rows [][]any
	for _, m := range snap.migrations {
		for _, ch := range snap.channels[m.ID] {
			if !ch.running() || ch.st.ReplicaID == 0 {
				continue
			}
			host, port, err := net.SplitHostPort(members.byName[ch.Owner].AdminAddr)
			if err != nil {
				host, port = ch.Owner, "0"
			}
			rows = append(rows, []any{uint64(ch.st.ReplicaID), host, port, uint64(ch.st.SourceID), ""})
		}
	}
	return rows, snap.warnings, nil
}
