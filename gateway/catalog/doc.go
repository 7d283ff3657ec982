// Package catalog is the store's definitions: secrets, sources, targets,
// migrations and their channels, and the records of what was done and what went
// wrong. Every change is one transaction, guarded by the object's version, so
// nothing is left half made and nobody's change is overwritten unseen.
package catalog
