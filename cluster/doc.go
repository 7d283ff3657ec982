// Package cluster says which nodes there are and which of them may run a
// channel. Gossip (memberlist) gives fast hints, one heartbeat row per node and
// one row per channel in the store's schema sluice_meta give the truth, and a
// channel's epoch, which only grows, makes every claim safe whatever gossip,
// heartbeats or clocks say. DESIGN.md in this folder has the invariants.
package cluster
