package blackhole

// maxNesting bounds the parentheses of a condition.
const maxNesting = 16

// frame is one level of parentheses in a condition: the rows of the OR-ed
// terms that are complete, and those of the term that is being read, which are
// the product of its AND-ed parts.
type frame struct {
	sum, product uint64
	commas       int // of a tuple: it is a value and no condition
}

// condition counts the rows that the condition after WHERE names, one for each
// tuple of values: OR adds, x IN (..) has as many as its list, AND multiplies.
// LIMIT n bounds it. What compares otherwise (a range, NOT, a subquery) is
// errCondition.
func (s *scanner) condition(st *statement) error {
	begin := s.i
	rows, err := s.countRows()
	if err != nil {
		return err
	}
	st.where = s.b[begin:s.i]
	st.rows, st.affected = rows, rows
	return nil
}

func (s *scanner) countRows() (uint64, error) {
	var stack [maxNesting]frame
	top := 0
	stack[0].product = 1
	var before byte // what came last: 'a' a value or name, 'f' a word that may be a function, 'i' IN, 0 other
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch {
		case isSpace(c):
			s.i++
		case wordBytes[c]:
			word := s.run()
			if s.i < len(s.b) && s.b[s.i] == '\'' { // x'..', b'..'
				before = 0
				continue
			}
			f := &stack[top]
			switch {
			case isWord(word, "AND"):
				before = 0
			case isWord(word, "OR"):
				f.sum += f.product
				f.product, before = 1, 0
			case isWord(word, "IN"):
				before = 'i'
			case isWord(word, "LIMIT"):
				if top > 0 {
					return 0, errCondition
				}
				return s.limit(f.sum + f.product)
			case unclear(word):
				return 0, errCondition
			default:
				before = 'f'
			}
		case c == '(':
			s.i++
			if before != 0 { // a list or a function's arguments
				begin := s.i
				next, commas := group(s.b, begin)
				if next < 0 {
					return 0, errText
				}
				s.i = next
				if before == 'i' {
					if list := (scanner{s.b, begin}); list.word("SELECT") || list.word("WITH") {
						return 0, errCondition
					}
					stack[top].product *= uint64(commas + 1)
				}
				before = 'a'
				continue
			}
			if top++; top == maxNesting {
				return 0, errCondition
			}
			stack[top] = frame{product: 1}
		case c == ')':
			if top == 0 {
				return 0, errText
			}
			f := stack[top]
			s.i++
			top--
			if f.commas == 0 {
				stack[top].product *= f.sum + f.product
			}
			before = 'a'
		case c == ',':
			s.i++
			stack[top].commas++
			before = 0
		case c == ';':
			return closed(&stack, top)
		case c == '<' && s.i+2 < len(s.b) && s.b[s.i+1] == '=' && s.b[s.i+2] == '>': // equal, NULL too
			s.i += 3
			before = 0
		case c == '<' || c == '>' || c == '!' || c == '|' || c == '&':
			return 0, errCondition
		default:
			next := pass(s.b, s.i)
			if next < 0 {
				return 0, errText
			}
			before = 0
			if next > s.i+1 {
				before = 'a'
			}
			s.i = next
		}
	}
	return closed(&stack, top)
}

func closed(stack *[maxNesting]frame, top int) (uint64, error) {
	if top > 0 {
		return 0, errText
	}
	if stack[0].commas > 0 {
		return 0, errCondition
	}
	return stack[0].sum + stack[0].product, nil
}

// unclear lists the words with which a condition may hit any number of rows.
func unclear(word []byte) bool {
	switch len(word) {
	case 2:
		return isWord(word, "BY")
	case 3:
		return isWord(word, "NOT") || isWord(word, "XOR")
	case 4:
		return isWord(word, "LIKE")
	case 5:
		return isWord(word, "ORDER")
	case 6:
		return isWord(word, "SELECT") || isWord(word, "EXISTS") || isWord(word, "REGEXP")
	case 7:
		return isWord(word, "BETWEEN")
	}
	return false
}

// limit reads the number of LIMIT.
func (s *scanner) limit(rows uint64) (uint64, error) {
	s.space()
	var n uint64
	word := s.run()
	if len(word) == 0 || len(word) > 18 {
		return 0, errCondition
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, errCondition
		}
		n = n*10 + uint64(c-'0')
	}
	return min(rows, n), s.end()
}
