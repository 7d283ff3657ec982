package migration

// Encryption is what protects the connections to a target.
type Encryption struct {
	// Off is true if the mode has none; Fallen once a connection was not encrypted
	// although the mode is PREFERRED.
	Off, Fallen bool
	// Verified is true if the server's certificate is verified.
	Verified bool
	// Mode and Remedy are the option that decides, and the options that protect best.
	Mode, Remedy string
}

// Finding returns what CHECK says of the target with the name.
func (e Encryption) Finding(object string) Finding {
	f := Finding{ID: "target.encryption", Severity: "OK", Scope: "TARGET", Object: object, Blocks: "-"}
	switch {
	case e.Fallen:
		f.Severity, f.Finding = "WARNING", "the connections are not encrypted: "+e.Mode+" is PREFERRED and the target offers no TLS"
		f.Remedy = "give the target a certificate, then set " + e.Remedy
	case e.Off:
		f.Severity, f.Finding, f.Remedy = "INFO", "the connections are not encrypted: "+e.Mode+" is DISABLED", "set "+e.Remedy
	case e.Verified:
		f.Finding = "the connections are encrypted, and the target's certificate is verified"
	default:
		f.Finding = "the connections are encrypted, but the target's certificate is not verified: another server on the way would not be noticed"
		f.Remedy = "set " + e.Remedy
	}
	return f
}
