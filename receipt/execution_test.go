package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// golden returns a file of the shared golden set, or skips the test.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "golden", filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared golden files are absent")
	} else if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGoldenReceipts validates the Python original's receipts, tampered ones too.
func TestGoldenReceipts(t *testing.T) {
	var index map[string]json.RawMessage
	if err := json.Unmarshal(golden(t, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for name, raw := range index {
		if !strings.HasPrefix(name, "receipt/") {
			continue
		}
		cases++
		var c struct {
			File       string
			Validation Validation
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		document := golden(t, c.File)
		got, err := Validate(document)
		if err != nil {
			t.Fatal(err)
		}
		if got.Valid != c.Validation.Valid || got.SHA256Match != c.Validation.SHA256Match || strings.Join(got.Errors, "\n") != strings.Join(c.Validation.Errors, "\n") {
			t.Errorf("%s: %+v, want %+v", name, got, c.Validation)
		}
		e, err := ReadExecution(document)
		if !got.Valid {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checkAggregates(t, name, e)
		want := e.SHA256
		var b bytes.Buffer
		if err := e.Write(&b); err != nil || e.SHA256 != want {
			t.Errorf("%s: written again, its hash is %s, not %s (%v)", name, e.SHA256, want, err)
		}
		if strings.TrimSpace(b.String()) != strings.TrimSpace(string(document)) {
			t.Errorf("%s: written again, it is\n%s", name, &b)
		}
	}
	if cases < 6 {
		t.Errorf("%d cases", cases)
	}
}

// checkAggregates sums a receipt's operations up again.
func checkAggregates(t *testing.T, name string, e *Execution) {
	t.Helper()
	again := &Execution{Operations: e.Operations}
	again.aggregate()
	show := func(e *Execution) string {
		b, err := json.Marshal([]any{e.TotalTimingMS, e.TotalMemoryBytes, e.AvgCosine, e.MaxMSE, e.Total, e.OK, e.Warn, e.Fail})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if show(again) != show(e) {
		t.Errorf("%s: operations sum up to %s, not %s", name, show(again), show(e))
	}
}

func TestRecorder(t *testing.T) {
	start := time.Unix(0, 0)
	r := NewRecorder(start)
	cosine, mse, message := Float(0.5), Float(1e-9), "bad block 3"
	r.Add(Operation{Name: OpDecode, TimingMS: 1.5, MemoryBytes: 10, Cosine: &cosine, MSE: &mse})
	r.Add(Operation{Name: OpVerify, TimingMS: 2, MemoryBytes: 5, Warnings: []string{"<é>"}}, Operation{Name: OpSE, Error: &message})
	r.Measurements.Memory.Plan = map[string]int64{"program": 1}
	e, err := r.Receipt(map[string]any{"operation": OpVerify, "x": 0.5}, start.Add(1500*time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	if e.Total != 3 || e.OK != 1 || e.Warn != 1 || e.Fail != 1 || e.TotalTimingMS != 3.5 || e.TotalMemoryBytes != 10 || *e.AvgCosine != 0.5 || *e.MaxMSE != 1e-9 {
		t.Errorf("%+v", e)
	}
	if e.Operation() != OpVerify || e.Measurements.DurationMS != 1.5 || e.PlanSHA256 != sum([]byte(`{"program":1}`)) || e.ClaimsSHA256 != sum([]byte(`{"operation":"verify","x":0.5}`)) {
		t.Errorf("%+v", e)
	}
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := ReadExecution(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	// encoding/json has indented the claims; their canonical form is as it was.
	if c, err := Canonical(back.Claims); err != nil || !bytes.Equal(c, e.Claims) || back.SHA256 != e.SHA256 {
		t.Errorf("%s, %v", c, err)
	}
	canonical, err := back.Canonical()
	if err != nil || back.SHA256 != e.SHA256 {
		t.Errorf("read and written again: %s, %v", back.SHA256, err)
	}
	if _, err := ReadExecution(canonical); err != nil {
		t.Errorf("canonical form: %v", err)
	}
}

func sealed(t *testing.T) []byte {
	t.Helper()
	r := NewRecorder(time.Unix(0, 0))
	r.Add(Operation{Name: OpDecode, TimingMS: 0.25, MemoryBytes: 4096, Proof: Proof{"aa", "bb"}})
	e, err := r.Receipt(map[string]any{"operation": OpDecode}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFlips changes every byte of a receipt in several ways; none of them goes unseen.
func TestFlips(t *testing.T) {
	document := sealed(t)
	for i := range document {
		for _, mask := range []byte{1, 2, 4, 8, 16, 0x20, 0x40, 0x80, 0xff} {
			flipped := bytes.Clone(document)
			flipped[i] ^= mask
			if _, err := ReadExecution(flipped); err == nil {
				t.Errorf("byte %d ^ %#x: valid\n%s", i, mask, flipped)
			}
		}
	}
}

func TestInvalidReceipts(t *testing.T) {
	document := string(sealed(t))
	for _, c := range []struct{ old, new, want string }{
		{`"schema":"execution_receipt:v1"`, `"schema":"other:v1"`, "schema is"},
		{`"schema":"execution_receipt:v1"`, `"shema":"execution_receipt:v1"`, "missing field: schema"},
		{`"tensors_ok":1`, `"tensors_ok":2`, "tensors_ok is 2, the operations make it 1"},
		{`"tensors_ok":1`, `"tensors_ok":null`, "malformed field: tensors_ok"},
		{`"operations":[`, `"operations":[7,`, "operation 0: not an object"},
		{`"status":"OK"`, `"status":"FINE"`, `operation 0: status "FINE"`},
		{`"op_name":`, `"name":`, "operation 0: missing field: op_name"},
		{`"output_sha256":"bb"`, `"output_sha256":1`, "operation 0: malformed field: compute_proof.output_sha256"},
		{`"claims":{"operation":"cdna_decode"}`, `"claims":{"operation":"verify"}`, "claims_sha256 mismatch"},
		{`"claims":{"operation":"cdna_decode"},`, ``, "claims and claims_sha256 come together"},
		{`"git_commit":`, `"commit":`, "missing field: git_commit"},
	} {
		changed := strings.Replace(document, c.old, c.new, 1)
		if changed == document {
			t.Fatalf("no %s in %s", c.old, document)
		}
		v, err := Validate([]byte(changed))
		if err != nil || v.Valid || v.SHA256Match || !strings.Contains(strings.Join(v.Errors, "\n"), c.want) {
			t.Errorf("%s: %+v, %v; want %q", c.new, v, err, c.want)
		}
		want := ErrInvalid
		if c.want == "schema is" {
			want = ErrSchema
		}
		if _, err := ReadExecution([]byte(changed)); !errors.Is(err, want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	for _, bad := range []string{`[]`, `7`, `"x"`, `{}`} {
		if v, err := Validate([]byte(bad)); err != nil || v.Valid {
			t.Errorf("%s: %+v, %v", bad, v, err)
		}
	}
}

func FuzzReadExecution(f *testing.F) {
	r := NewRecorder(time.Unix(0, 0))
	e, err := r.Receipt(nil, time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	b, err := e.Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"operations":[{"compute_proof":[]}],"claims":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ReadExecution(b); err == nil && e.Schema != ExecutionSchema {
			t.Fatalf("%q is valid", b)
		}
	})
}

// TestShadowedKeys puts keys that encoding/json takes for known ones, and hashes again.
func TestShadowedKeys(t *testing.T) {
	document := sealed(t)
	for _, c := range []struct{ old, new string }{
		{`"claims":{`, `"Claims":{"operation":"verify"},"claims":{`},
		{`"claims_sha256":`, `"Claims_SHA256":"00","claims_sha256":`},
		{`"op_name":`, `"Op_name":"x","op_name":`},
		{`"compute_proof":{`, `"compute_proof":{"OUTPUT_sha256":"x",`},
		{`"measurements":{`, `"meaſurements":{"duration_ms":1},"measurements":{`},
	} {
		changed := strings.Replace(string(document), c.old, c.new, 1)
		n, err := parse([]byte(changed))
		if err != nil || changed == string(document) {
			t.Fatal(c.new, err)
		}
		at, _ := n.get(hashKey)
		at.value = sum(n.without(hashKey).canonical())
		if m, ok := n.get("measurements"); ok {
			stated, _ := n.get("measurements_sha256")
			stated.value = sum(m.canonical())
			at.value = sum(n.without(hashKey).canonical())
		}
		if _, err := ReadExecution(n.canonical()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	var claims struct {
		Operation string `json:"operation"`
	}
	e := &Execution{Claims: json.RawMessage(`{"operation":"x","Operation":"y"}`)}
	if err := e.DecodeClaims("x", &claims); err == nil || e.Operation() != "" {
		t.Errorf("%v, %q", err, e.Operation())
	}
}
