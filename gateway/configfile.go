package gateway

import (
	"errors"
	"io"
	"os"

	"gopkg.in/yaml.v3"

	"sluice/internal/smallfile"
	"sluice/sqladmin"
)

// readConfigFile reads a YAML mapping of option names to values. Every key must
// be an option, and be there once.
func readConfigFile(path string, options []Option) (map[string][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, badConfig("config", "name a file that this process can read", "%v", err)
	}
	defer f.Close()
	values := map[string][]string{}
	var doc yaml.Node
	if err := yaml.NewDecoder(f).Decode(&doc); errors.Is(err, io.EOF) {
		return values, nil
	} else if err != nil {
		return nil, badConfig("config", "write lines such as 'name: n1'", "%s is no YAML: %v", path, err)
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, badConfig("config", "write lines such as 'name: n1'", "%s is no mapping of options", path)
	}
	known := map[string]Option{}
	var names []string
	for _, o := range options {
		known[o.Name] = o
		names = append(names, o.Name)
	}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		o, ok := known[key.Value]
		if !ok {
			return nil, badConfig("config", "the keys are the flags' names: sluice node --help lists them", "%s line %d: %s",
				path, key.Line, sqladmin.Unknown("key", key.Value, names).Message)
		}
		if _, twice := values[o.Name]; twice {
			return nil, badConfig("config", "state it once", "%s line %d: key '%s' is there twice", path, key.Line, o.Name)
		}
		v, ok := scalars(value, o.Repeat)
		if !ok {
			return nil, badConfig("config", "write one value, or a list where the flag may be repeated", "%s line %d: the value of '%s' cannot be used",
				path, key.Line, o.Name)
		}
		values[o.Name] = v
	}
	return values, checkExposed(f, values)
}

// checkExposed refuses a file that others can read if the store's password is in
// it.
func checkExposed(f *os.File, values map[string][]string) error {
	store := values["store"]
	if len(store) == 0 {
		return nil
	}
	if _, _, has := passwordIn(store[0]); !has {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return badConfig("config", "name a file that this process can read", "%v", err)
	}
	if smallfile.Exposed(info) {
		return badConfig("config", "chmod 600 "+f.Name()+" , or use store-password-file, and change the password if somebody may have read it",
			"%s holds the store's password and has permissions %04o: %v", f.Name(), info.Mode().Perm(), smallfile.ErrExposed)
	}
	return nil
}

// scalars returns a node's text: one, or several when a list is allowed.
func scalars(n *yaml.Node, list bool) ([]string, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return []string{n.Value}, true
	}
	if n.Kind != yaml.SequenceNode || !list {
		return nil, false
	}
	v := []string{}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, false
		}
		v = append(v, item.Value)
	}
	return v, true
}
