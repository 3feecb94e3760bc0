package jinja

import (
	"strconv"
	"strings"
)

// strftime writes the moment of the rendering by Python's format codes, in the C locale, with glibc's flags (%-d, %_d, %0d, %^a).
func (r *renderer) strftime(format string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 || i+1 == len(format) {
			break
		}
		b.WriteString(format[:i])
		format = format[i+1:]
		flag := byte(0)
		for len(format) > 1 && strings.IndexByte("-_0^#", format[0]) >= 0 {
			flag, format = format[0], format[1:]
		}
		width, rest := 0, strings.TrimLeft(format, "0123456789")
		if n := len(format) - len(rest); n > 0 && rest != "" {
			width, _ = strconv.Atoi(format[:min(n, 5)])
			format = rest
		}
		if len(format) > 1 && (format[0] == 'E' || format[0] == 'O') {
			format = format[1:]
		}
		s, number := r.timeCode(format[0])
		switch {
		case number && flag == '-':
			s = strings.TrimLeft(s[:len(s)-1], "0 ") + s[len(s)-1:]
		case number && flag == '_':
			trimmed := strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:]
			s = strings.Repeat(" ", len(s)-len(trimmed)) + trimmed
		case flag == '^', flag == '#' && format[0] != 'p' && format[0] != 'Z':
			s = strings.ToUpper(s)
		case flag == '#':
			s = strings.ToLower(s)
		}
		if pad := width - len(s); pad > 0 {
			fill := " "
			if number && flag != '_' || flag == '0' {
				fill = "0"
			}
			r.alloc(int64(pad))
			s = strings.Repeat(fill, pad) + s
		}
		b.WriteString(s)
		format = format[1:]
		r.alloc(int64(len(s)))
	}
	b.WriteString(format)
	return r.meter.text(b.String())
}

// timeCode writes one code; number tells that it is padded with zeros.
func (r *renderer) timeCode(code byte) (s string, number bool) {
	t := r.now
	pad := func(width, n int) (string, bool) { return sprintf("%0*d", width, n), true }
	year, week := t.ISOWeek()
	weekday := int(t.Weekday())
	hour12 := (t.Hour()+11)%12 + 1
	switch code {
	case 'a':
		return t.Format("Mon"), false
	case 'A':
		return t.Format("Monday"), false
	case 'b', 'h':
		return t.Format("Jan"), false
	case 'B':
		return t.Format("January"), false
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006"), false
	case 'C':
		return pad(2, t.Year()/100)
	case 'd':
		return pad(2, t.Day())
	case 'D', 'x':
		return t.Format("01/02/06"), false
	case 'e':
		return sprintf("%2d", t.Day()), false
	case 'f':
		return pad(6, t.Nanosecond()/1000)
	case 'F':
		return t.Format("2006-01-02"), false
	case 'g':
		return pad(2, year%100)
	case 'G':
		return pad(4, year)
	case 'H':
		return pad(2, t.Hour())
	case 'I':
		return pad(2, hour12)
	case 'j':
		return pad(3, t.YearDay())
	case 'k':
		return sprintf("%2d", t.Hour()), false
	case 'l':
		return sprintf("%2d", hour12), false
	case 'm':
		return pad(2, int(t.Month()))
	case 'M':
		return pad(2, t.Minute())
	case 'n':
		return "\n", false
	case 'p':
		return t.Format("PM"), false
	case 'P':
		return t.Format("pm"), false
	case 'r':
		return t.Format("03:04:05 PM"), false
	case 'R':
		return t.Format("15:04"), false
	case 's':
		return strconv.FormatInt(t.Unix(), 10), false
	case 'S':
		return pad(2, t.Second())
	case 't':
		return "\t", false
	case 'T', 'X':
		return t.Format("15:04:05"), false
	case 'u':
		return pad(1, (weekday+6)%7+1)
	case 'U':
		return pad(2, (t.YearDay()+6-weekday)/7)
	case 'V':
		return pad(2, week)
	case 'w':
		return pad(1, weekday)
	case 'W':
		return pad(2, (t.YearDay()+6-(weekday+6)%7)/7)
	case 'y':
		return pad(2, t.Year()%100)
	case 'Y':
		return strconv.Itoa(t.Year()), true
	case 'z', 'Z': // Python's time here knows no zone
		return "", false
	case '%':
		return "%", false
	}
	return "%" + string(code), false
}
