package transformer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkPages compares what pages say of themselves with what sessions hold.
func checkPages(t interface{ Fatalf(string, ...any) }, p *pages, sessions ...*Session) {
	users := map[*page]int{}
	for _, s := range sessions {
		k := s.cache
		if len(k.held) != len(k.memory) || k.shared > len(k.held) || len(k.held)*pageTokens < len(s.tokens) {
			t.Fatalf("%d pages, memory of %d, %d shared, %d tokens", len(k.held), len(k.memory), k.shared, len(s.tokens))
		}
		parent := &p.root
		for i, h := range k.held {
			users[h]++
			if i < k.shared != (h.parent != nil) || h.parent != nil && h.parent != parent {
				t.Fatalf("page %d of %d shared ones is in a wrong place", i, k.shared)
			}
			parent = h
		}
	}
	used, stated := int64(len(users)*p.size), 0
	var walk func(k *page)
	idle := 0
	walk = func(k *page) {
		for _, c := range k.children {
			if c.parent != k || len(c.tokens) < pageTokens && len(c.children) > 0 || len(c.tokens) == 0 || c.users > 0 && k != &p.root && k.users == 0 {
				t.Fatalf("a page of %d tokens, %d children, %d users is in a wrong place", len(c.tokens), len(c.children), c.users)
			}
			if c.users != users[c] {
				t.Fatalf("%d sessions hold a page that counts %d", users[c], c.users)
			}
			if c.users == 0 {
				idle++
				used += int64(p.size)
			}
			if c.state != nil {
				stated++
				used += int64(len(c.state))
			}
			walk(c)
		}
	}
	walk(&p.root)
	listed := 0
	for k := p.idle.newer; k != &p.idle; k = k.newer {
		listed++
	}
	if used != p.used || p.held != len(users) || listed != idle || stated != len(p.stated) || !p.beyond && p.used > p.most {
		t.Fatalf("%d bytes are used of %d, %d are counted; %d pages held, %d counted; %d idle, %d counted; %d states, %d counted",
			used, p.most, p.used, len(users), p.held, idle, listed, stated, len(p.stated))
	}
}

// TestSharing: whatever sessions read, cut, begin anew and give up for each other, in a cache that is too small for all of them, every
// logit has the bits that it has alone, and no page is lost.
func TestSharing(t *testing.T) {
	for _, c := range []struct {
		fixture string
		cache   CacheType
	}{{"llama", CacheF32}, {"llama", CacheInt8}, {"lfm2", CacheF16}, {"falcon_h1", CacheF32}, {"granitemoehybrid-mamba", CacheF32}} {
		t.Run(c.fixture+"/"+string(c.cache), func(t *testing.T) {
			const context, sequences = 200, 3
			m := openModel(t, fixtures+"/"+c.fixture, Options{Context: context, Sequences: sequences, Contexts: 1, CacheType: c.cache, Threads: 2})
			vocab := m.Config.Vocab
			// Three texts that part behind 70 tokens, and within the first page.
			random := rand.New(rand.NewPCG(4, 4))
			texts, want := make([][]int, 3), make([][]float32, 3)
			for i := range texts {
				texts[i] = make([]int, context)
				for at := range texts[i] {
					texts[i][at] = random.IntN(vocab)
				}
				copy(texts[i], texts[0][:[]int{0, 70, 9}[i]])
				want[i] = allLogits(t, m, texts[i], 64)
			}
			rapid.Check(t, func(t *rapid.T) {
				var sessions []*Session
				of := make([]int, sequences)
				for range sequences {
					s, err := m.NewSession()
					if err != nil {
						t.Fatal(err)
					}
					sessions = append(sessions, s)
					defer s.Close()
				}
				for range rapid.IntRange(1, 25).Draw(t, "steps") {
					i := rapid.IntRange(0, sequences-1).Draw(t, "session")
					s := sessions[i]
					switch rapid.IntRange(0, 5).Draw(t, "what") {
					case 0:
						of[i] = rapid.IntRange(0, len(texts)-1).Draw(t, "text")
						n := rapid.IntRange(0, context).Draw(t, "of it")
						kept, err := s.Start(texts[of[i]][:n])
						if err != nil || kept != s.Position() || kept >= max(1, n) || !slices.Equal(s.Tokens(), texts[of[i]][:kept]) {
							t.Fatalf("%d kept of %d, %v", kept, n, err)
						}
					case 1:
						s.Reset(rapid.IntRange(0, s.Position()).Draw(t, "keep"))
					default:
						at := s.Position()
						n := min(rapid.IntRange(1, 90).Draw(t, "tokens"), context-at)
						var got []float32
						err := s.Forward(t.Context(), texts[of[i]][at:at+n], 0, func(_ int, x []float32) error {
							got = append(got, x...)
							return nil
						})
						if errors.Is(err, ErrCache) {
							if s.Position() != at {
								t.Fatalf("ErrCache, and %d tokens after %d", s.Position(), at)
							}
							for j, other := range sessions {
								if j != i {
									other.Start(nil)
								}
							}
							continue
						}
						if err != nil || !slices.Equal(got, want[of[i]][at*vocab:(at+n)*vocab]) {
							t.Fatalf("other logits of %d tokens after %d: %v", n, at, err)
						}
					}
					checkPages(t, m.pages, sessions...)
				}
				for _, s := range sessions {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if m.pages.used != 0 || len(m.pages.root.children) > 0 {
					t.Fatalf("%d bytes are left", m.pages.used)
				}
			})
		})
	}
}

// TestStart: a session begins with what others have read, while these go on and when they have ended; where there are layers
// without attention, as far as a state is known.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		fixture                    string
		goingOn, ended, other, cut int
	}{{"llama", 128, 150, 100, 149}, {"lfm2", 128, 150, 64, 128}, {"falcon_h1", 128, 150, 64, 128}, {"granitemoehybrid-mamba", 128, 150, 64, 128}} {
		m := openModel(t, fixtures+"/"+c.fixture, Options{Context: 256, Sequences: 5, Chunk: 64})
		ids := make([]int, 200)
		for i := range ids {
			ids[i] = (7*i*i + i) % m.Config.Vocab
		}
		start := func(what string, want int, ids []int) *Session {
			t.Helper()
			s, err := m.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			if kept, err := s.Start(ids); kept != want || err != nil {
				t.Errorf("%s, %s: %d tokens kept of %d, want %d: %v", c.fixture, what, kept, len(ids), want, err)
			}
			if err := s.Forward(t.Context(), ids[s.Position():], len(ids), nil); err != nil {
				t.Fatal(err)
			}
			return s
		}
		a := start("nothing is known", 0, ids[:150])
		start("it goes on", c.goingOn, ids[:140])
		a.Start(nil)
		start("it has ended", c.ended, ids)
		start("another end", c.other, append(slices.Clone(ids[:100]), 1, 2, 3))
		start("all is known", c.cut, ids[:150])
	}
}
