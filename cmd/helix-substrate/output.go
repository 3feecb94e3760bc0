package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/helix-substrate/helix-substrate/memory"
)

// writeJSON prints v for machines.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeTable prints rows under headings: text to the left, all else to the right.
func writeTable(w io.Writer, headings []string, rows [][]string) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	head := make(table.Row, len(headings))
	columns := make([]table.ColumnConfig, len(headings))
	for i, h := range headings {
		head[i] = h
		columns[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight}
		if i == 0 {
			columns[i].Align, columns[i].AlignHeader = text.AlignLeft, text.AlignLeft
		}
	}
	t.SetColumnConfigs(columns)
	t.AppendHeader(head)
	for _, r := range rows {
		row := make(table.Row, len(r))
		for i, cell := range r {
			row[i] = printable(cell)
		}
		t.AppendRow(row)
	}
	t.SuppressTrailingSpaces()
	t.Render()
}

// field is one line of a report about one thing.
type field struct{ name, value string }

// writeFields prints fields as aligned lines.
func writeFields(w io.Writer, fields []field) {
	width := 0
	for _, f := range fields {
		width = max(width, len(f.name))
	}
	for _, f := range fields {
		fmt.Fprintf(w, "%-*s  %s\n", width, f.name, printable(f.value))
	}
}

func size(n int64) string { return memory.FormatSize(n) }

func decimal(x float64, places int) string { return strconv.FormatFloat(x, 'f', places, 64) }

func shape(dims ...int) string {
	s := ""
	for i, d := range dims {
		if i > 0 {
			s += " × "
		}
		s += strconv.Itoa(d)
	}
	return s
}

// printable returns s, or where it has characters that a terminal would not just show,
// s in quotes without them.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
