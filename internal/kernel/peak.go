package kernel

// Peak is a yardstick for products from cache: one kind of instruction, done in registers and nothing besides. A core does no more
// multiply-adds than that.
type Peak struct {
	Instruction string           // "" where there is none for this CPU: the other fields are zero then
	Each        int              // multiply-adds of a round
	Run         func(rounds int) // does so many rounds, on the caller's core
}

// Peaks returns the yardsticks of the float canon and of the integer canon, by the instructions that the kernels have for them.
// Where there are tile registers, and where sums have 16 bits for a while (AVX2), products may go beyond the second.
func (k *Kernels) Peaks() (float, integer Peak) { return peaksOf(k) }
