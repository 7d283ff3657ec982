package catalog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// minKeyBytes is the shortest key accepted: shorter ones can be guessed.
const minKeyBytes = 16

// sealer encrypts values with AES-256-GCM under a key derived from the
// operator's. A sealed value is a random 12-byte nonce and the ciphertext with
// its tag; it opens only under the name that it was sealed for.
type sealer struct {
	aead  cipher.AEAD
	check string // tells two keys apart, says nothing about them
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) < minKeyBytes {
		return nil, fail(CodeBadOption, "make a random one, of 32 bytes say", "the key for secrets must have at least %d bytes", minKeyBytes)
	}
	k, err := hkdf.Key(sha256.New, key, nil, "sluice secrets", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	check, err := hkdf.Key(sha256.New, key, nil, "sluice secrets key check", 16)
	if err != nil {
		return nil, fmt.Errorf("derive key check: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	return &sealer{aead, hex.EncodeToString(check)}, nil
}

func (s *sealer) seal(name, plain string) []byte {
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, []byte(plain), []byte(name))
}

var errSealed = errors.New("it was not encrypted under this name with a key of this node")

func (s *sealer) open(name string, sealed []byte) (string, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return "", errSealed
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return "", errSealed
	}
	return string(plain), nil
}
