package interp

// Seal and SumOfLine let tests seal lines of their own making; AppendEvent and ParseEvent reach the events in them.
var Seal = seal

var Clip = clip

func SumOfLine(line []byte) string {
	_, sum, _ := cutSum(line)
	return sum
}

func (p *Program) AppendEvent(dst []byte, ev *Event) []byte { return p.appendEvent(dst, ev) }

func (p *Program) ParseEvent(src []byte) (Event, error) { return p.parseEvent(src) }
