package generate

import (
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		before, after []int
		most          int
		want          []int
	}{
		{nil, nil, 4, nil},
		{[]int{1, 2, 3}, nil, 4, nil},
		{[]int{1, 2, 3, 9, 8}, []int{1, 2, 3}, 4, []int{9, 8, 1, 2}},
		{[]int{1, 2, 3, 9, 8}, []int{1, 2, 3}, 2, []int{9, 8}},
		{[]int{1, 2, 3, 9, 1, 2, 3, 7}, []int{1, 2, 3}, 1, []int{7}},                   // the latest place
		{[]int{5, 1, 2, 3, 9, 6, 1, 2, 3, 7}, []int{5, 1, 2, 3}, 1, []int{9}},          // unless more agrees
		{[]int{1, 2, 9}, []int{1, 2}, 4, nil},                                          // two are chance
		{nil, []int{4, 4, 4, 4, 4}, 3, []int{4}},                                       // its own end
		{[]int{1, 2, 3}, []int{9, 1, 2, 3, 9, 1, 2}, 8, []int{3, 9, 1, 2}},             // over the border
		{[]int{1, 2, 3, 4, 5}, []int{1, 2, 3, 4, 5, 1, 2, 3}, 9, []int{4, 5, 1, 2, 3}}, // what is there
	} {
		if got := lookup(nil, c.before, c.after, c.most); !slices.Equal(got, c.want) {
			t.Errorf("after %v %v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}
