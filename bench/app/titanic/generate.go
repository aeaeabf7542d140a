package titanic

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"strconv"
)

// Generated passengers look like the real ones: as many of each class and sex,
// as many without an age, of the same ages and numbers of relatives, a few
// hundred fares, and as many survivors among women and men, adults and children
// of each class. Numbers of people are those of the 891 passengers of the
// Titanic competition's train.csv.
//
// All of it is arithmetic on whole numbers, since a rounding that differs would
// be another passenger.

type class struct {
	passengers, men, ageless uint64
	age, ageSpread           int    // mean and standard deviation
	cheapest, step           uint64 // fares: in pence, and how fast they grow
	fares                    uint64
}

var classes = [3]class{
	{216, 122, 30, 38, 15, 5 * 240, 30, 94},
	{184, 108, 11, 30, 14, 9 * 240, 14, 52},
	{491, 347, 136, 25, 12, 6 * 240, 4, 102},
}

// Per mille who survive, by class.
var (
	women = [3]uint64{968, 921, 500}
	girls = [3]uint64{970, 990, 540}
	men   = [3]uint64{369, 90, 120}
	boys  = [3]uint64{950, 960, 390}
)

// Numbers of passengers by how many relatives of a kind they have aboard.
var (
	siblings      = []uint64{608, 209, 28, 16, 18, 5, 0, 0, 7}
	childSiblings = []uint64{22, 31, 6, 7, 12, 4, 0, 0, 1}
	parents       = []uint64{640, 90, 50, 4, 4, 4, 1}
	childParents  = []uint64{8, 41, 34}
)

var infants = []string{"0.42", "0.67", "0.75", "0.83", "0.92"}

// generator makes passengers.
type generator struct{ random *rand.PCG }

// below returns a number from 0 to n-1.
func (g generator) below(n uint64) uint64 { return g.random.Uint64() >> 32 * n >> 32 }

// of returns i with the probability that weights[i] has of their sum.
func (g generator) of(weights ...uint64) int {
	var sum uint64
	for _, w := range weights {
		sum += w
	}
	at := g.below(sum)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	panic("a number below the sum is beyond it")
}

func (g generator) pick(of []string) string { return of[g.below(uint64(len(of)))] }

// passenger is a line of the file.
type passenger struct {
	class    int // from 0
	man      bool
	age      int    // in years
	ageText  string // "" if it isn't known
	siblings int
	parents  int
	tier     uint64 // of the fare, from 0
	survived bool
}

func (g generator) passenger() passenger {
	p := passenger{class: g.of(classes[0].passengers, classes[1].passengers, classes[2].passengers)}
	c := &classes[p.class]
	p.man = g.below(c.passengers) < c.men
	p.age, p.ageText = g.age(c)
	if p.child() {
		p.siblings, p.parents = g.of(childSiblings...), g.of(childParents...)
	} else {
		p.siblings, p.parents = g.of(siblings...), g.of(parents...)
	}
	// Most pay one of the lower fares, and a family's ticket has a higher one.
	p.tier = min(g.below(c.fares), g.below(c.fares), g.below(c.fares)) + 5*uint64(p.siblings+p.parents)
	p.tier = min(p.tier, c.fares-1)
	p.survived = g.below(1000) < p.odds()
	return p
}

func (p *passenger) child() bool { return p.age < 14 }

// age returns years, and how they are written: an infant's in hundredths, and
// one age in forty is an estimate that ends in a half, as a dozen of them do.
func (g generator) age(c *class) (years int, text string) {
	// A sum of four numbers below 2^16 has a standard deviation of 37837.
	sum := -(2 << 16)
	for range 4 {
		sum += int(g.below(1 << 16))
	}
	years = min(max(c.age+sum*c.ageSpread/37837, 0), 80)
	half := g.below(7) == 0 && years%6 == 4
	switch {
	case g.below(c.passengers) < c.ageless:
	case years == 0:
		text = g.pick(infants)
	case half:
		text = strconv.Itoa(years) + ".5"
	default:
		text = strconv.Itoa(years)
	}
	return years, text
}

// odds are per mille. Half of them is the fate of those who paid the same and
// are of the same class and sex: who travels together has one fare. It is what
// there is to learn from fares.
func (p *passenger) odds() uint64 {
	chance, fate := p.chance(), uint64(0)
	who := uint64(p.class)<<9 | p.tier<<1
	if p.man {
		who |= 1
	}
	// Whose fate it is decides alone: it is the same for all seeds.
	hi, _ := bits.Mul64((who+1)*0x9e3779b97f4a7c15, 1000)
	if hi < chance {
		fate = 1000
	}
	return (fate + chance) / 2
}

// chance is per mille, before it is known who travels together.
func (p *passenger) chance() uint64 {
	table := &women
	switch {
	case p.man && p.child():
		table = &boys
	case p.man:
		table = &men
	case p.child():
		table = &girls
	}
	chance := table[p.class]
	if p.siblings+p.parents >= 4 {
		chance /= 3
	}
	if p.age > 60 {
		chance = chance * 2 / 3
	}
	if p.tier > classes[p.class].fares/2 {
		chance += (1000 - chance) / 6
	}
	return chance
}

// fare is in pounds, which had 240 pence.
func (p *passenger) fare() string {
	c := &classes[p.class]
	pence := c.cheapest + c.step*p.tier + c.step*p.tier*p.tier/40
	return strconv.FormatFloat(float64((pence*10_000+120)/240)/10_000, 'f', -1, 64)
}

// generate writes n passengers as the real file has them.
func generate(to io.Writer, n int, seed uint64) error {
	g := generator{rand.NewPCG(seed, 0x7469_7461_6e69_63)}
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked")
	for i := range n {
		p := g.passenger()
		survived, sex := 0, "female"
		if p.survived {
			survived = 1
		}
		if p.man {
			sex = "male"
		}
		fmt.Fprintf(w, "%d,%d,%d,%s,%s,%s,%d,%d,%s,%s,%s,%s\n", i+1, survived, p.class+1, g.name(&p), sex, p.ageText,
			p.siblings, p.parents, g.ticket(), p.fare(), g.cabin(&p), []string{"S", "C", "Q", ""}[g.of(644, 168, 77, 2)])
	}
	return w.Flush()
}

var (
	surnames = []string{
		"Abbott", "Allen", "Andersson", "Asplund", "Baclini", "Becker", "Bourke", "Braund", "Brown", "Carter", "Collyer",
		"Cumings", "Davies", "Ford", "Fortune", "Futrelle", "Goodwin", "Hansen", "Harris", "Hart", "Heikkinen", "Hickman",
		"Johansson", "Johnson", "Kelly", "Lefebre", "McGowan", "Moran", "Nicola-Yarred", "O'Dwyer", "Palsson", "Panula",
		"Rice", "Sage", "Sandstrom", "Skoog", "Smith", "Vander Planke", "West", "Williams",
	}
	mens = []string{
		"Albert", "Alfred", "Anders Johan", "Arthur", "Charles Eugene", "Edward", "Ernst", "Frederick", "George", "Gosta Leonard",
		"Henry", "James", "John Henry", "Karl", "Owen Harris", "Patrick", "Thomas", "Timothy J", "William", "Yousif",
	}
	womens = []string{
		"Agnes", "Alice", "Anna", "Augusta", "Catherine", "Edith", "Elisabeth", "Ellen", "Emily", "Florence Briggs",
		"Helene", "Ida", "Jane", "Katriina", "Laina", "Lily May", "Margaret", "Maria", "Marguerite Rut", "Mary",
	}
)

// name is quoted, since it has a comma. Some have a nickname in quotes, which
// are doubled.
func (g generator) name(p *passenger) string {
	surname, first := g.pick(surnames), g.pick(mens)
	switch {
	case p.man && p.child():
		return fmt.Sprintf(`"%s, Master. %s"`, surname, first)
	case p.man:
		return fmt.Sprintf(`"%s, Mr. %s"`, surname, first)
	}
	own := g.pick(womens)
	switch {
	case p.age > 20 && g.below(2) == 0:
		return fmt.Sprintf(`"%s, Mrs. %s (%s)"`, surname, first, own)
	case g.below(12) == 0:
		return fmt.Sprintf(`"%s, Miss. %s ""%s"""`, surname, own, g.pick(womens))
	}
	return fmt.Sprintf(`"%s, Miss. %s"`, surname, own)
}

func (g generator) ticket() string {
	return g.pick([]string{"", "", "", "A/5 ", "PC ", "SC/PARIS ", "STON/O2. "}) + strconv.FormatUint(2000+g.below(370_000), 10)
}

// cabin is known of four in five of the first class, and of few others.
func (g generator) cabin(p *passenger) string {
	if g.below(100) >= []uint64{81, 9, 2}[p.class] {
		return ""
	}
	return string("ABCDEFG"[g.below(7)]) + strconv.FormatUint(1+g.below(140), 10)
}
