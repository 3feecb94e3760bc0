package server

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a browser without a window, driven by Chromium's DevTools protocol over pipes: lines of JSON that end with a zero byte.
type chromium struct {
	t       *testing.T
	out     io.Writer
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	wrong   []string // errors in the page's console
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// openChromium starts the browser that HELIX_CHROMIUM names, which ends with the test, or skips.
func openChromium(t *testing.T) *chromium {
	t.Helper()
	binary := os.Getenv("HELIX_CHROMIUM")
	if binary == "" {
		t.Skip("HELIX_CHROMIUM names no browser")
	}
	commands, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, replies, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) }) // unlike t.TempDir without an error: processes of the browser may outlive it
	cmd := exec.Command(binary, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{commands, replies} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	commands.Close()
	replies.Close()
	c := &chromium{t: t, out: out, waiting: map[int]chan reply{}}
	go c.read(in)
	t.Cleanup(func() {
		c.call("Browser.close", nil)
		cmd.Wait()
	})
	var target struct{ TargetID, SessionID string }
	c.into("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	c.into("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	c.session = target.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		c.call(domain+".enable", nil)
	}
	return c
}

// read takes replies and events until the browser ends.
func (c *chromium) read(in io.Reader) {
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			c.mu.Lock()
			for _, w := range c.waiting {
				close(w)
			}
			c.waiting = nil
			c.mu.Unlock()
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		json.Unmarshal(text[:len(text)-1], &m)
		c.mu.Lock()
		if w := c.waiting[m.ID]; w != nil {
			delete(c.waiting, m.ID)
			w <- m.reply
		}
		bad := m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`) ||
			m.Method == "Runtime.consoleAPICalled" && strings.Contains(string(m.Params), `"type":"error"`)
		if bad {
			c.wrong = append(c.wrong, string(m.Params))
		}
		c.mu.Unlock()
	}
}

// call gives a command and returns its result.
func (c *chromium) call(method string, params any) json.RawMessage {
	c.t.Helper()
	w := make(chan reply, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	open := c.waiting != nil
	if open {
		c.waiting[id] = w
	}
	c.mu.Unlock()
	if !open {
		c.t.Fatalf("%s: the browser has ended", method)
	}
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if c.session != "" {
		m["sessionId"] = c.session
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = c.out.Write(append(text, 0))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	select {
	case r, ok := <-w:
		if !ok && method != "Browser.close" || r.Error != nil {
			c.t.Fatalf("%s: %+v", method, r.Error)
		}
		return r.Result
	case <-time.After(time.Minute):
		c.t.Fatalf("%s: no reply", method)
	}
	return nil
}

func (c *chromium) into(method string, params, v any) {
	c.t.Helper()
	if err := json.Unmarshal(c.call(method, params), v); err != nil {
		c.t.Fatal(err)
	}
}

// eval returns what an expression of the page comes to, a promise's value if it is one, as text.
func (c *chromium) eval(format string, args ...any) string {
	c.t.Helper()
	var v struct {
		Result  struct{ Value any }
		Details *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	expression := fmt.Sprintf(format, args...)
	c.into("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &v)
	if v.Details != nil {
		c.t.Fatalf("%s: %s %s", expression, v.Details.Text, v.Details.Exception.Description)
	}
	if v.Result.Value == nil {
		return ""
	}
	return fmt.Sprint(v.Result.Value)
}

// until waits until an expression is true.
func (c *chromium) until(format string, args ...any) {
	c.t.Helper()
	expression := fmt.Sprintf(format, args...)
	for deadline := time.Now().Add(30 * time.Second); c.eval("Boolean(%s)", expression) != "true"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.shot("failed")
			c.t.Fatalf("never: %s\n%s", expression, c.eval("document.body.innerText"))
		}
	}
}

// click clicks in the middle of what a selector finds, as a mouse does.
func (c *chromium) click(selector string) {
	c.t.Helper()
	c.until("document.querySelector(%q)?.checkVisibility()", selector)
	var at struct{ X, Y float64 }
	place := c.eval(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "nearest"}); const r = e.getBoundingClientRect(); return JSON.stringify({x: r.x + r.width / 2, y: r.y + r.height / 2}) })()`, selector)
	if err := json.Unmarshal([]byte(place), &at); err != nil {
		c.t.Fatal(err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		c.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1})
	}
}

// write types a text into what has the focus.
func (c *chromium) write(text string) { c.call("Input.insertText", map[string]any{"text": text}) }

// press presses a key.
func (c *chromium) press(key string, code int) {
	p := map[string]any{"key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		p["text"] = "\r"
	}
	for _, p["type"] = range []string{"keyDown", "keyUp"} {
		c.call("Input.dispatchKeyEvent", p)
	}
}

// show sets the window's size, in CSS pixels, and whether the system is dark.
func (c *chromium) show(width, height int, dark bool) {
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	c.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
}

// shot keeps a picture of the page in the directory that HELIX_SCREENSHOTS names, if it does.
func (c *chromium) shot(name string) {
	dir := os.Getenv("HELIX_SCREENSHOTS")
	if dir == "" {
		return
	}
	var v struct{ Data string }
	c.into("Page.captureScreenshot", nil, &v)
	png, err := base64.StdEncoding.DecodeString(v.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666)
	}
	if err != nil {
		c.t.Error(err)
	}
}

// errors are those of the console so far.
func (c *chromium) errors() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.wrong...)
}
