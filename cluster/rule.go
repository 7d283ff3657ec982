package cluster

import "time"

// ownership is what is known about a channel's owner: from the store, read in
// one transaction, and from gossip.
type ownership struct {
	Owner       string
	Incarnation uint64 // the owner's, when it claimed

	registered uint64        // incarnation in the owner's node row; 0 without a row
	left       bool          // that incarnation ended in order
	age        time.Duration // of that row's heartbeat
	gossip     peer          // of the owner's incarnation
}

// mayClaim is the claim rule. Case by case, the first that fits:
//
//	owner                                   claim
//	none                                    allowed: it was released
//	this very incarnation, not held         allowed: a claim whose commit was not confirmed
//	this very incarnation, held             not allowed: it runs here
//	no node row, or a newer incarnation     allowed: that process is over
//	left in order                           allowed
//	heartbeat older than 10 s               allowed, whatever gossip says
//	heartbeat older than 2.5 s              allowed when gossip says dead, left, or cut from the store
//	else                                    not allowed: it lives
//
// It decides when a channel moves, never whether that is safe: the epoch does.
func mayClaim(o ownership, me string, incarnation uint64, held bool) bool {
	switch {
	case o.Owner == "":
		return true
	case o.Owner == me && o.Incarnation == incarnation:
		return !held
	case o.registered != o.Incarnation || o.left:
		return true
	case o.age > deadAfter:
		return true
	case o.age > staleAfter:
		return o.gossip.state == gossipDead || o.gossip.state == gossipCut
	}
	return false
}
