package binlog

import (
	"encoding/binary"
	"strconv"
	"time"
)

// digits appends n in exactly w digits.
func digits(b []byte, n uint64, w int) []byte {
	var tmp [20]byte
	for i := w - 1; i >= 0; i-- {
		tmp[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, tmp[:w]...)
}

// appendFraction appends ".ffffff" cut to fsp digits.
func appendFraction(b []byte, micros uint64, fsp int) []byte {
	if fsp == 0 {
		return b
	}
	b = append(b, '.')
	for i := fsp; i < 6; i++ {
		micros /= 10
	}
	return digits(b, micros, fsp)
}

// fraction reads the big-endian fraction of the "2" temporal types as
// microseconds: (fsp+1)/2 bytes.
func fraction(b []byte, fsp int) uint64 {
	switch (fsp + 1) / 2 {
	case 1:
		return uint64(b[0]) * 10000
	case 2:
		return uint64(binary.BigEndian.Uint16(b)) * 100
	case 3:
		return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	}
	return 0
}

func appendDate(b []byte, y, m, d uint64) []byte {
	b = append(digits(b, y, 4), '-')
	b = append(digits(b, m, 2), '-')
	return digits(b, d, 2)
}

func appendClock(b []byte, h, m, s uint64) []byte {
	b = append(digits(b, h, 2), ':')
	b = append(digits(b, m, 2), ':')
	return digits(b, s, 2)
}

// appendTimestamp2 prints seconds since 1970 in UTC; 0 is the zero date.
func appendTimestamp2(out, b []byte, fsp int) []byte {
	sec := binary.BigEndian.Uint32(b)
	micros := fraction(b[4:], fsp)
	return appendTimestamp(out, sec, micros, fsp)
}

func appendTimestamp(out []byte, sec uint32, micros uint64, fsp int) []byte {
	if sec == 0 && micros == 0 {
		out = append(out, "0000-00-00 00:00:00"...)
	} else {
		t := time.Unix(int64(sec), 0).UTC()
		y, m, d := t.Date()
		out = append(appendDate(out, uint64(y), uint64(m), uint64(d)), ' ')
		out = appendClock(out, uint64(t.Hour()), uint64(t.Minute()), uint64(t.Second()))
	}
	return appendFraction(out, micros, fsp)
}

// appendDateTime2 prints the packed 40-bit form: 1 sign, 17 year*13+month,
// 5 day, 5 hour, 6 minute, 6 second.
func appendDateTime2(out, b []byte, fsp int) []byte {
	v := uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:]))
	v -= 0x8000000000
	ymd, hms := v>>17, v&(1<<17-1)
	ym := ymd >> 5
	out = appendDate(out, ym/13, ym%13, ymd&31)
	out = appendClock(append(out, ' '), hms>>12, hms>>6&63, hms&63)
	return appendFraction(out, fraction(b[5:], fsp), fsp)
}

// appendTime2 prints the packed 24-bit form: 1 sign, 1 unused, 10 hour,
// 6 minute, 6 second, then the fraction; negative values are stored as the
// two's complement of the whole including the fraction.
func appendTime2(out, b []byte, fsp int) []byte {
	n := 3 + (fsp+1)/2
	var v int64
	for _, x := range b[:n] {
		v = v<<8 | int64(x)
	}
	bits := uint(8 * (n - 3))
	v -= 0x800000 << bits
	if v < 0 {
		v = -v
		out = append(out, '-')
	}
	whole, frac := uint64(v)>>bits, uint64(v)&(1<<bits-1)
	switch n - 3 {
	case 1:
		frac *= 10000
	case 2:
		frac *= 100
	}
	out = appendHours(out, whole>>12&1023, whole>>6&63, whole&63)
	return appendFraction(out, frac, fsp)
}

func appendHours(b []byte, h, m, s uint64) []byte {
	if h > 99 {
		b = strconv.AppendUint(b, h, 10)
	} else {
		b = digits(b, h, 2)
	}
	b = append(digits(append(b, ':'), m, 2), ':')
	return digits(b, s, 2)
}

// appendDate3 prints the 3-byte DATE: 15 bits year, 4 month, 5 day.
func appendDate3(out, b []byte) []byte {
	v := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
	return appendDate(out, v>>9, v>>5&15, v&31)
}

// appendOldTime prints the 3-byte TIME of servers before 5.6: a decimal hhmmss.
func appendOldTime(out, b []byte) []byte {
	v := int64(b[0]) | int64(b[1])<<8 | int64(int8(b[2]))<<16
	if v < 0 {
		out, v = append(out, '-'), -v
	}
	u := uint64(v)
	return appendHours(out, u/10000, u/100%100, u%100)
}

// appendOldDateTime prints the 8-byte DATETIME of servers before 5.6: a
// decimal yyyymmddhhmmss.
func appendOldDateTime(out, b []byte) []byte {
	v := binary.LittleEndian.Uint64(b)
	d, t := v/1000000, v%1000000
	out = appendDate(out, d/10000, d/100%100, d%100)
	return appendClock(append(out, ' '), t/10000, t/100%100, t%100)
}
