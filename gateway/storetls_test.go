package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.file, a.key = a.make(a.cert, nil)
	return a
}

func (a *authority) make(cert *x509.Certificate, key *ecdsa.PrivateKey) (file string, made *ecdsa.PrivateKey) {
	a.t.Helper()
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if key == nil {
		key = made
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &made.PublicKey, key)
	if err != nil {
		a.t.Fatal(err)
	}
	return write(a.t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))), made
}

// sign returns the files of a certificate for 127.0.0.1 and of its key.
func (a *authority) sign() (cert, key string) {
	a.t.Helper()
	cert, made := a.make(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "n"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, write(a.t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// tidbWithTLS starts a TiDB with a certificate.
func tidbWithTLS(t *testing.T, ca, cert, key string) *servers.Server {
	t.Helper()
	dir := t.TempDir()
	toml := write(t, "tidb.toml", fmt.Sprintf("socket = \"\"\ntmp-storage-path = %q\n[log]\nslow-query-file = %q\n[security]\nssl-ca = %q\nssl-cert = %q\nssl-key = %q\n",
		filepath.Join(dir, "tmp-storage"), filepath.Join(dir, "slow.log"), ca, cert, key))
	store, err := servers.Start(t.Context(), servers.TiDB, servers.Options{Dir: dir, Args: []string{"-config", toml}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestTargetEncryption has CHECK say of every target what protects its connections.
func TestTargetEncryption(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.sign()
	store, plain := tidbWithTLS(t, ca.file, cert, key), servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	for name, want := range map[string]struct{ options, severity, finding, remedy string }{
		"default":   {"", "INFO", "--store-ssl-mode is DISABLED", "--store-ssl-ca"},
		"disabled":  {"TARGET_SSL_MODE=DISABLED", "INFO", "TARGET_SSL_MODE is DISABLED", "TARGET_SSL_CA"},
		"required":  {"TARGET_SSL_MODE=REQUIRED", "OK", "not verified", "TARGET_SSL_CA"},
		"preferred": {"TARGET_SSL_MODE=PREFERRED", "OK", "not verified", "TARGET_SSL_CA"},
		"verified":  {"TARGET_SSL_MODE=VERIFY_CA, TARGET_SSL_CA='" + ca.file + "'", "OK", "is verified", ""},
		"fallen":    {"TARGET_SSL_MODE=PREFERRED", "WARNING", "offers no TLS", "certificate"},
	} {
		host := store.Addr()
		if name == "fallen" {
			host = plain.Addr()
		}
		if want.options != "" {
			c.ok("CREATE TARGET " + name + " TARGET_HOSTS=('" + host + "'), TARGET_USER='root', " + want.options)
		}
		said := ""
		for _, f := range c.rows("CHECK TARGET `" + name + "`") {
			if f["Check_Id"] == "target.encryption" {
				said = f["Severity"] + ": " + f["Finding"] + ": " + f["Remedy"]
			}
		}
		if !strings.HasPrefix(said, want.severity+": ") || !strings.Contains(said, want.finding) || !strings.Contains(said, want.remedy) {
			t.Errorf("target %s: %q, want %v", name, said, want)
		}
	}
}

// TestStoreTLS connects to a store with a certificate in every mode. Its account
// lets nobody in without TLS.
func TestStoreTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	cert, key := ca.sign()
	store := tidbWithTLS(t, ca.file, cert, key)
	exec(t, store, "CREATE USER tls REQUIRE SSL", "CREATE USER x509 REQUIRE X509", "GRANT ALL ON *.* TO tls, x509")
	open := func(user string, stated map[string][]string) error {
		t.Helper()
		all := map[string][]string{"name": {"n1"}, "store": {user + "@tcp(" + store.Addr() + ")/"}, "data-dir": {t.TempDir()},
			"admin-addr": {"127.0.0.1:0"}, "gossip-addr": {"127.0.0.1:0"}, "http-addr": {"127.0.0.1:0"}}
		for k, v := range stated {
			all[k] = v
		}
		cfg, err := Load("", all)
		if err != nil {
			return err
		}
		cfg.Log = slog.New(slog.DiscardHandler)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		n, err := Open(ctx, cfg)
		if err == nil {
			cancel()
			err = n.Run(ctx)
		}
		return err
	}
	mode := func(m string) map[string][]string { return map[string][]string{"store-ssl-mode": {m}} }
	with := func(m map[string][]string, more ...string) map[string][]string {
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = []string{more[i+1]}
		}
		return m
	}
	for name, c := range map[string]struct {
		user   string
		stated map[string][]string
		want   []string // in the error; nil: the node starts
	}{
		"no TLS":            {"tls", nil, []string{"refuses"}},
		"disabled":          {"tls", mode("DISABLED"), []string{"refuses"}},
		"preferred":         {"tls", mode("PREFERRED"), nil},
		"required":          {"tls", mode("required"), nil},
		"authority":         {"tls", map[string][]string{"store-ssl-ca": {ca.file}}, nil},
		"identity":          {"tls", with(mode("VERIFY_IDENTITY"), "store-ssl-ca", ca.file), nil},
		"certificate":       {"x509", with(mode("VERIFY_CA"), "store-ssl-ca", ca.file, "store-ssl-cert", cert, "store-ssl-key", key), nil},
		"no certificate":    {"x509", with(mode("VERIFY_CA"), "store-ssl-ca", ca.file), []string{"refuses"}},
		"another authority": {"tls", map[string][]string{"store-ssl-ca": {other.file}}, []string{"--store-ssl-ca", "unknown authority", "Remedy: name the PEM file of the authority"}},
		"unknown mode":      {"tls", mode("MAYBE"), []string{"--store-ssl-mode", "MAYBE", "Remedy: set --store-ssl-mode"}},
		"no file":           {"tls", map[string][]string{"store-ssl-ca": {"/dev/zero"}}, []string{"--store-ssl-ca", "regular file"}},
		"a key alone":       {"tls", map[string][]string{"store-ssl-key": {key}}, []string{"--store-ssl-cert and --store-ssl-key"}},
		"twice": {"tls", with(mode("REQUIRED"), "store", "tls@tcp("+store.Addr()+")/?tls=skip-verify"),
			[]string{"--store", "tls=", "Remedy: remove"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(c.user, c.stated)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.want...)
		})
	}
}
