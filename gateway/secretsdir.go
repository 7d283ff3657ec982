package gateway

import "path/filepath"

// checkSecretsDir makes the folder of secrets absolute and refuses one in which
// this node's own secrets are: whoever may state secrets can send the files
// below it to a host of his choice. file is the configuration file, or "".
func (c *Config) checkSecretsDir(file string) error {
	if c.SecretsDir == "" {
		return nil
	}
	dir, err := filepath.Abs(c.SecretsDir)
	if err != nil {
		return badConfig("secrets-dir", "write an absolute path", "%v", err)
	}
	c.SecretsDir = dir
	for _, own := range []struct{ option, path string }{
		{"store-password-file", c.StorePasswordFile}, {"store-ssl-key", c.StoreSSLKey},
		{"admin-password-file", c.AdminPasswordFile}, {"admin-tls-key", c.AdminTLSKey},
		{"cluster-key-file", c.ClusterKeyFile}, {"old-cluster-key-file", c.OldClusterKeyFile},
		{"config", file}, {"data-dir", c.DataDir},
	} {
		if own.path != "" && own.path != keylessBefore && below(dir, own.path) {
			return badConfig("secrets-dir", "use a folder that has nothing but the secrets which statements may name",
				"%s of --%s is in it: a secret FROM FILE could name what only this node may read", own.path, own.option)
		}
	}
	return nil
}

// below reports whether path is dir or below it, by their names or by the places
// that links lead to.
func below(dir, path string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	dirs, paths := []string{dir}, []string{path}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dirs = append(dirs, real)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		paths = append(paths, real)
	}
	for _, d := range dirs {
		for _, p := range paths {
			if rel, err := filepath.Rel(d, p); err == nil && filepath.IsLocal(rel) {
				return true
			}
		}
	}
	return false
}
