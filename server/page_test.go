package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestPageFiles: the page needs no key, loads from this server alone, and is asked for again cheaply.
func TestPageFiles(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{Keys: []string{"one"}})
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/page/main.js": "text/javascript; charset=utf-8", "/page/page.css": "text/css; charset=utf-8", "/page/icon.svg": "image/svg+xml"} {
		r, err := http.Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		r.Body.Close()
		policy := r.Header.Get("Content-Security-Policy")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || len(text) == 0 || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d, %v", path, r.StatusCode, r.Header)
		}
		q, _ := http.NewRequest("GET", h.URL+path, nil)
		q.Header.Set("If-None-Match", r.Header.Get("ETag"))
		again, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		again.Body.Close()
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
	}
	for path, status := range map[string]int{"/page/absent.js": 404, "/page/": 404, "/plan": 401, "/receipts/x": 401} {
		if got, text := fetch(t, "GET", h.URL+path, ""); got != status {
			t.Errorf("%s: %d, %s", path, got, text)
		}
	}
	if status, text := fetch(t, "GET", h.URL+"/plan?model=demo", "one"); status != 200 || !strings.Contains(string(text), `"resident":true`) {
		t.Errorf("plan: %d, %s", status, text)
	}
}

// slowly sends each piece of an answer a little later, so that there is time to stop one.
func slowly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(slow{w}, r) })
}

type slow struct{ http.ResponseWriter }

func (s slow) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "data:") {
		time.Sleep(40 * time.Millisecond)
	}
	return s.ResponseWriter.Write(p)
}

func (s slow) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// TestPage uses the page in a real browser, by mouse and keyboard: HELIX_CHROMIUM=chromium go test -run TestPage ./server, with
// HELIX_SCREENSHOTS=DIR for pictures.
func TestPage(t *testing.T) {
	c := openChromium(t)
	s, err := New([]*Model{openDemo(t, ModelOptions{Engine: transformer.Options{Context: 1024}})}, Options{Keys: []string{"one"}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(slowly(s))
	t.Cleanup(h.Close)
	c.show(1200, 800, false)
	c.call("Page.navigate", map[string]any{"url": h.URL})

	// A key is asked for; the first request was refused, which the console says.
	c.until(`document.querySelector("#settings[open]") && document.activeElement.id === "key"`)
	c.write("one")
	c.click("#temperature")
	c.write("0.9")
	c.click("#seed")
	c.write("7")
	c.click("#max_tokens")
	c.write("24")
	c.shot("settings")
	c.click("#settings button[value=ok]")
	c.until(`document.querySelector("#model").value === "demo" && document.activeElement.id === "prompt"`)
	if wrong := c.errors(); len(wrong) != 1 || !strings.Contains(wrong[0], "401") {
		t.Errorf("the console says %v", wrong)
	}
	c.shot("empty")

	// An answer, its receipt, and the same answer again.
	c.write("Tell me of a dog")
	c.press("Enter", 13)
	const complete = `document.querySelectorAll(".assistant .receipt").length === %d && document.querySelector("#stop").hidden`
	const last = `[...document.querySelectorAll(".assistant .said")].at(-1).innerText`
	c.until(complete, 1)
	first := c.eval(last)
	if !strings.Contains(c.eval(`document.querySelector(".under").innerText`), "24 tokens") || len(first) < 20 {
		t.Errorf("%q, %s", first, c.eval(`document.querySelector(".under").innerText`))
	}
	c.click(".assistant .receipt")
	c.click("#replay")
	c.until(`document.querySelector("#replayed").innerText.startsWith("The same: ids, text, and the logits of 24 tokens")`)
	c.shot("receipt")
	if command := c.eval(`document.querySelector("#receipt pre").innerText`); !strings.Contains(command, h.URL+"/receipts/") || !strings.Contains(command, "receipt replay r.json") {
		t.Error(command)
	}
	c.press("Escape", 27)
	c.until(`!document.querySelector("#receipt").open`)
	c.click(".assistant .regenerate")
	c.until(complete, 1)
	if again := c.eval(last); again != first {
		t.Errorf("with the same seed %q, then %q", first, again)
	}
	c.click("#settings-open")
	c.eval(`document.querySelector("#seed").value = "8"; document.querySelector("#max_tokens").value = ""`)
	c.click("#settings button[value=ok]")
	c.until(`!document.querySelector("#settings").open`)

	// An answer is stopped, and has a receipt all the same.
	c.click(".assistant .regenerate")
	c.until(`document.querySelector(".assistant .said").innerText.length > 10`)
	c.click("#stop")
	c.until(complete, 1)
	if under, text := c.eval(`document.querySelector(".under").innerText`), c.eval(last); !strings.Contains(under, "stopped") || text == first {
		t.Errorf("%s: %q", under, text)
	}
	c.click(".assistant .receipt")
	c.click("#replay")
	c.until(`document.querySelector("#replayed").className === "same"`)
	c.press("Escape", 27)

	// What the browser keeps.
	text := c.eval(last)
	c.call("Page.reload", nil)
	c.until(`document.querySelectorAll(".conversation").length === 1 && document.querySelectorAll("article").length === 2`)
	if got := c.eval(last); got != text || c.eval(`document.querySelector(".conversation").innerText`) != "Tell me of a dog" {
		t.Errorf("%q, before it was loaded again %q", got, text)
	}
	c.click("#plan-open")
	c.until(`document.querySelectorAll(".layers > .held").length > 10`)
	c.shot("plan")
	c.press("Escape", 27)

	c.markdown()
	c.narrow()
	// The receipt of an answer that was stopped is asked for until it is there.
	wrong := slices.DeleteFunc(c.errors()[1:], func(line string) bool {
		return strings.Contains(line, "404") && strings.Contains(line, "/receipts/chatcmpl-")
	})
	if len(wrong) > 0 {
		t.Errorf("the console says %v", wrong)
	}
}

// markdown shows a text with all that there is, and what must stay text.
func (c *chromium) markdown() {
	got := c.eval(`import("/page/markdown.js").then(({render}) => {
		const of = (text) => { const e = document.createElement("div"); e.append(render(text)); return e.innerHTML; };
		const wrong = [];
		for (const [text, want] of [
			["# One *two*", "<h1>One <em>two</em></h1>"],
			["a **b** ~~c~~ ` + "`d <e>`" + `", "<p>a <strong>b</strong> <del>c</del> <code>d &lt;e&gt;</code></p>"],
			["<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"],
			["[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"],
			["- a\n- b\n  1. c\n\nd", "<ul><li>a</li><li>b<ol start=\"1\"><li>c</li></ol></li></ul><p>d</p>"],
			["> a\n> b", "<blockquote><p>a\nb</p></blockquote>"],
			["|a|b|\n|-|-|\n|1|2|", "<div class=\"table\"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>"],
			["snake_case_name 2*3*4", "<p>snake_case_name 2<em>3</em>4</p>"],
			["![p](https://a.b/c.png)", "<p><a href=\"https://a.b/c.png\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">p</a></p>"],
		]) if (of(text) !== want) wrong.push(text + "\n" + of(text) + "\n" + want);
		const start = performance.now();
		for (const text of ["*".repeat(20000), "> ".repeat(5000), "[".repeat(20000), "` + "`" + `".repeat(20000), "  - a\n".repeat(3000), "|-".repeat(5000)]) of(text);
		of("- ".repeat(3000) + "a");
		return wrong.join("\n\n");
	})`)
	if got != "" {
		c.t.Errorf("markdown:\n%s", got)
	}
}

// narrow looks at the page on a phone and in the dark.
func (c *chromium) narrow() {
	c.eval(`import("/page/history.js").then(({begin, put}) => put({...begin(), title: "Sorting in Go", changed: Date.now() + 1e6, messages: [
		{role: "user", text: "How do I sort a slice of structs by two fields in Go? Please compare the ways."},
		{role: "assistant", tokens: 187, rate: 21.4, receipt: "4b1f09c2a7d3", reasoning: "The reader knows Go.", text: "Use **` + "`slices.SortFunc`" + `** with ` + "`cmp.Or`" + `: it compares the first field, and the second only where the first is equal.\n\n` + "```go\\nslices.SortFunc(people, func(a, b Person) int {\\n\\treturn cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Age, b.Age))\\n})\\n```" + `\n\n| Way | Stable | Allocates |\n|---|---|---|\n| ` + "`slices.SortFunc`" + ` | no | no |\n| ` + "`slices.SortStableFunc`" + ` | yes | no |\n| ` + "`sort.Slice`" + ` | no | yes |\n\n1. Prefer the first.\n2. Take the second where *equal* elements must keep their order.\n\n> Since Go 1.22.\n\nMore at https://pkg.go.dev/slices."},
	]}))`)
	c.call("Page.reload", nil)
	c.until(`document.querySelector(".said table")`)
	c.shot("wide")
	c.show(1200, 800, true)
	c.shot("wide-dark")
	dark := c.eval(`getComputedStyle(document.body).backgroundColor`)
	c.show(375, 720, true)
	c.shot("narrow-dark")
	c.show(375, 720, false)
	c.shot("narrow")
	if light := c.eval(`getComputedStyle(document.body).backgroundColor`); light == dark {
		c.t.Errorf("%s in the light and in the dark", light)
	}
	const fits = `document.documentElement.scrollWidth <= 375 && document.querySelector("#log").scrollWidth <= document.querySelector("#log").clientWidth`
	if c.eval(fits) != "true" {
		c.t.Error("it is wider than a phone")
	}
	c.click("#side-open")
	c.until(`document.querySelector("#side").checkVisibility() && document.activeElement.id === "new"`)
	c.shot("narrow-side")
	c.press("Escape", 27)
	c.until(`!document.querySelector("#side").checkVisibility()`)
	c.click("#plan-open")
	c.until(`document.querySelector(".layers")`)
	c.shot("narrow-plan")
	if c.eval(`document.documentElement.scrollWidth <= 375 && document.querySelector("#plan").scrollWidth <= document.querySelector("#plan").clientWidth`) != "true" {
		c.t.Error("the plan is wider than a phone")
	}
	unnamed := c.eval(`[...document.querySelectorAll("button, input, textarea, select")].filter((e) => !(e.innerText.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML).join(" ")`)
	if unnamed != "" {
		c.t.Errorf("without a name for who hears the page: %s", unnamed)
	}
	c.press("Escape", 27)
}
