package cluster

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
)

// loadSlack is how much above its fair share a node may own before a channel's
// ranking puts it last. 1.25 keeps both the load even and nearly all channels
// with their first choice (bounded-load consistent hashing, Mirrokni et al.).
const loadSlack = 1.25

// Candidate is a node that may get a channel.
type Candidate struct {
	Node     string
	Weight   int // share relative to the others; below 1 counts as 1
	Channels int // owned now
}

// Rank orders nodes by how much they should have the channel: weighted
// rendezvous hashing, with the nodes that already own their share (and a
// quarter more) behind all others. It depends on nothing but its arguments: not
// on their order either. When a node goes, the order of the rest stays, but for
// what the load bound changes.
func Rank(channel string, nodes []Candidate) []string {
	type scored struct {
		node  string
		score float64
		full  bool
	}
	weights, owned := 0, 0
	for _, n := range nodes {
		weights += max(1, n.Weight)
		owned += n.Channels
	}
	list := make([]scored, 0, len(nodes))
	for _, n := range nodes {
		w := max(1, n.Weight)
		bound := math.Ceil(loadSlack * float64(owned+1) * float64(w) / float64(weights))
		list = append(list, scored{n.Node, score(channel, n.Node, w), float64(n.Channels) >= bound})
	}
	slices.SortFunc(list, func(a, b scored) int {
		switch {
		case a.full != b.full && a.full:
			return 1
		case a.full != b.full:
			return -1
		case a.score != b.score:
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Compare(a.node, b.node)
	})
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.node
	}
	return names
}

// score is -w / ln(u) with u in (0, 1) from the hash of channel and node: the
// highest score goes to each node with a probability proportional to its weight.
func score(channel, node string, weight int) float64 {
	h := fnv.New64a()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(channel)))
	h.Write(n[:])
	h.Write([]byte(channel))
	h.Write([]byte(node))
	u := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
	return -float64(weight) / math.Log(u)
}

// mix is the finisher of SplitMix64: FNV alone leaves the high bits of similar
// inputs similar.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
