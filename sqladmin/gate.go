package sqladmin

import "fmt"

// Serve lets clients in at a server that was opened without a Controller; until
// then every login is answered with Config.Starting. It is called once.
func (s *Server) Serve(c Controller, nodeID uint32) error {
	if nodeID > MaxNodeID {
		return fmt.Errorf("serve the admin port: node id %d is above %d", nodeID, MaxNodeID)
	}
	s.mu.Lock()
	s.cfg.Controller, s.cfg.NodeID = c, nodeID
	s.mu.Unlock()
	s.serving.Store(true) // publishes both to the connections, which look at it first
	return nil
}

// mayEnter returns why a client whose password is right is not let in. The id of
// a connection that began before Serve does not hold the node's number.
func (s *Server) mayEnter(id uint32) error {
	if !s.serving.Load() {
		return s.cfg.Starting()
	}
	if NodeOf(id) != s.cfg.NodeID {
		return Errorf(CodeStoreUnreachable, "the node was starting when this connection began").WithRemedy("connect again")
	}
	return nil
}
