package cluster

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawNodes(t *rapid.T, load bool) []Candidate {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Candidate {
		c := Candidate{
			Node:   rapid.StringMatching(`[a-z][a-z0-9-]{0,12}`).Draw(t, "node"),
			Weight: rapid.IntRange(0, 16).Draw(t, "weight"),
		}
		if load {
			c.Channels = rapid.IntRange(0, 50).Draw(t, "channels")
		}
		return c
	}), 1, 12, func(c Candidate) string { return c.Node }).Draw(t, "nodes")
}

func TestRankIsAPermutationWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, true)
		channel := rapid.String().Draw(t, "channel")
		got := Rank(channel, nodes)
		if want := Rank(channel, rapid.Permutation(nodes).Draw(t, "shuffled")); !slices.Equal(got, want) {
			t.Fatalf("order matters: %v, %v", got, want)
		}
		var names []string
		for _, n := range nodes {
			names = append(names, n.Node)
		}
		slices.Sort(names)
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, names) {
			t.Fatalf("%v is no permutation of %v", got, names)
		}
	})
}

func TestRankKeepsTheOrderOfTheRestWhenANodeGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, false)
		channel := rapid.String().Draw(t, "channel")
		gone := rapid.IntRange(0, len(nodes)-1).Draw(t, "gone")
		want := slices.DeleteFunc(Rank(channel, nodes), func(n string) bool { return n == nodes[gone].Node })
		if got := Rank(channel, slices.Delete(slices.Clone(nodes), gone, gone+1)); !slices.Equal(got, want) {
			t.Fatalf("without %s: %v, before: %v", nodes[gone].Node, got, want)
		}
	})
}

// A node is never chosen above its share and a quarter, and every channel has a
// node: by choosing channel after channel as Wanted does.
func TestRankBoundsTheLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, false)
		channels := rapid.IntRange(1, 300).Draw(t, "channels")
		weights := 0
		for _, n := range nodes {
			weights += max(1, n.Weight)
		}
		for i := range channels {
			first := Rank(fmt.Sprintf("m/%d", i), nodes)[0]
			j := slices.IndexFunc(nodes, func(n Candidate) bool { return n.Node == first })
			nodes[j].Channels++
		}
		for _, n := range nodes {
			bound := math.Ceil(loadSlack * float64(channels) * float64(max(1, n.Weight)) / float64(weights))
			if float64(n.Channels) > bound {
				t.Fatalf("node %s of weight %d has %d of %d channels, more than %v", n.Node, n.Weight, n.Channels, channels, bound)
			}
		}
	})
}

func TestRankFollowsWeights(t *testing.T) {
	first := map[string]int{}
	const channels = 20000
	for i := range channels {
		first[Rank(fmt.Sprintf("%012x/orders", i), []Candidate{{"a", 1, 0}, {"b", 2, 0}, {"c", 5, 0}})[0]]++
	}
	for node, share := range map[string]float64{"a": 1. / 8, "b": 2. / 8, "c": 5. / 8} {
		got := float64(first[node]) / channels
		if math.Abs(got-share) > 0.02 {
			t.Errorf("node %s is first for %.3f of the channels, want about %.3f", node, got, share)
		}
	}
}
