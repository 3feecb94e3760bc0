package convert

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

func TestWriteHTML(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("best", 100, 100, 1), matrixEntry("worst<script>", 100, 100, 2), matrixEntry("constant", 1, 2, 3),
		safetensors.Float32("norm", []int{7}, gaussian(7, 4)))
	r := convertAll(t, Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Overrides: []Override{override(t, "worst=snr=20")}})
	path := filepath.Join(t.TempDir(), "report.html")
	if err := WriteHTML(path, r); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, want := range []string{"best", "worst&lt;script&gt;", "constant", "norm", r.Root} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if strings.Contains(page, "worst<") || strings.Contains(page, "ZgotmplZ") {
		t.Error("a name got into the page unescaped, or a value was refused")
	}
	if strings.Index(page, "worst&lt;") > strings.Index(page, "best") {
		t.Error("the worst tensor does not come first")
	}
	if found := regexp.MustCompile(`(?i)https?://|<script|<link|@import|url\(`).FindString(page); found != "" {
		t.Errorf("the page reaches beyond itself: %s", found)
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
