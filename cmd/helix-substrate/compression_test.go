package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
)

// TestCompressionFlags: the flags are those that package convert declares, one for each
// option, with the same values, defaults and help.
func TestCompressionFlags(t *testing.T) {
	type flag struct{ choices, fallback, help string }
	flags := map[string]flag{}
	for f := range reflect.TypeFor[compressionFlags]().Fields() {
		enum := f.Tag.Get("enum")
		flags[f.Tag.Get("name")] = flag{enum, f.Tag.Get("default"), f.Tag.Get("help")}
	}
	for _, o := range convert.OptionList() {
		f, ok := flags[o.Name]
		if delete(flags, o.Name); ok != o.Flag {
			t.Errorf("--%s: a flag %v, in the table %v", o.Name, ok, o.Flag)
		}
		if !ok {
			continue
		}
		if strings.TrimSuffix(f.choices, ",") != strings.Join(o.Choices, ",") || f.fallback != o.Default {
			t.Errorf("--%s: values %q, default %q, in the table %q, %q", o.Name, f.choices, f.fallback, o.Choices, o.Default)
		}
		if f.help != o.Help {
			t.Errorf("--%s: help\n%s\nin the table\n%s", o.Name, f.help, o.Help)
		}
	}
	for name := range flags {
		t.Errorf("--%s is not in the table", name)
	}
}

// TestHelpNamesSettings: convert's help lists what --tensor takes.
func TestHelpNamesSettings(t *testing.T) {
	help := (&convertCommand{}).Help()
	settings := help[strings.Index(help, "SETTINGS are"):]
	for _, o := range convert.OptionList() {
		if strings.Contains(settings, o.Name) != o.Setting {
			t.Errorf("%s: a setting %v, and the help says\n%s", o.Name, o.Setting, settings)
		}
	}
}

// TestPresetFlag: the flag's values and help are the presets.
func TestPresetFlag(t *testing.T) {
	f, _ := reflect.TypeFor[convertCommand]().FieldByName("Preset")
	enum := ""
	for _, p := range convert.Presets() {
		enum += p.Name + ","
		if says := p.Name + " (" + p.Use + ")"; !strings.Contains(f.Tag.Get("help"), says) {
			t.Errorf("the help lacks %q", says)
		}
	}
	if f.Tag.Get("enum") != enum {
		t.Errorf("values %q, wanted %q", f.Tag.Get("enum"), enum)
	}
}
