package schema

import "fmt"

// mostNesting is above what a server parses: its stack ends at some thousands of levels.
const mostNesting = 1000

// checkNesting refuses more open parentheses at once than a server parses: what follows takes time by the square of
// them, and a source that is none may send millions.
func checkNesting(tokens []token) error {
	depth := 0
	for i := range tokens {
		if tokens[i].kind != tokPunct {
			continue
		}
		switch tokens[i].text {
		case "(":
			if depth++; depth > mostNesting {
				return fmt.Errorf("more than %d open parentheses", mostNesting)
			}
		case ")":
			depth--
		}
	}
	return nil
}
