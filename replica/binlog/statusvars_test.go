package binlog

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/replica"
)

// TestStatusVars reads settings as servers logged them.
func TestStatusVars(t *testing.T) {
	at := time.Unix(1580731200, 0).UTC()
	for name, c := range map[string]struct {
		hex  string
		want replica.DDL
	}{
		"MySQL 9.7, TIMESTAMP column": {"00 00000000 01 2000a04500000000 06 03737464 04 2d002d00ff00 05 062b31333a3030 0c 01 6d6500 10 01 11 0f00000000000000 12 ff00 13 00",
			replica.DDL{SQLMode: 0x45a00020, CharsetID: 45, ConnectionID: 45, ServerCollationID: 255, TimeZone: "+13:00", ExplicitTimestamp: replica.On, Collations: map[uint16]uint16{45: 255}, At: at}},
		"MySQL 9.7, microseconds": {"00 00000000 05 0653595354454d 0d 830e03 10 00 14 00",
			replica.DDL{TimeZone: "SYSTEM", ExplicitTimestamp: replica.Off, At: at.Add(200323 * time.Microsecond)}},
		"MariaDB 10.11": {"00 00010001 01 0000205400000000 06 03737464 04 2d002d000800 05 0653595354454d 07 0400 80 b83803 81 4100000000000000",
			replica.DDL{SQLMode: 0x54200000, CharsetID: 45, ConnectionID: 45, ServerCollationID: 8, TimeZone: "SYSTEM", ExplicitTimestamp: replica.On, At: at.Add(211128 * time.Microsecond)}},
		"MariaDB, the first phase":         {"00 00010001 82 02", replica.DDL{ExplicitTimestamp: replica.On, At: at}},
		"MariaDB, the second phase":        {"81 7f00000000000000 82 04 3d00000000000000 05 022b31", replica.DDL{TimeZone: "+1", At: at}},
		"MariaDB, character sets":          {"83 02 2d00 e000 2100 c000 05 022b31", replica.DDL{TimeZone: "+1", At: at, Collations: map[uint16]uint16{45: 224, 33: 192}}},
		"MariaDB 11.8, no character set":   {"83 00 04 000900090009", replica.DDL{CharsetID: 2304, ConnectionID: 2304, ServerCollationID: 2304, At: at, Collations: map[uint16]uint16{}}},
		"an invoker and schemas":           {"0b 0161 0262 63 0c 02 610062006300 05 022b31", replica.DDL{At: at, Unread: 0x63}},
		"too many schemas":                 {"0c fe 05 022b31", replica.DDL{TimeZone: "+1", At: at}},
		"an unknown code ends the reading": {"05 022b31 f0 0102", replica.DDL{TimeZone: "+1", At: at, Unread: 0xf0}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got := replica.DDL{At: at}
			if !statusVars(&cursor{b: b}, &got) {
				t.Fatal("cut off")
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			for n := range b { // every cut is noticed, or ends between two settings
				statusVars(&cursor{b: b[:n]}, &replica.DDL{})
			}
		})
	}
	if statusVars(&cursor{b: []byte{5, 9, 'a'}}, &replica.DDL{}) {
		t.Error("a name that is cut off was read")
	}
}
