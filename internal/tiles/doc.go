// Package tiles keeps the codes of a lattice matrix in memory, in about as many bits as their entropy has.
//
// A code is a byte, an integer of -128 … 127 plus [Zero]. Sixteen rows of a block of the file make a strip, counted from
// the block's first row and padded with zeros, and 32 columns of a strip, padded too, a tile. Unpacked, a strip lies in
// strip order: the code of row r and column 4q+k is byte 64q + 4r + k, so that 64 bytes are four columns of sixteen rows,
// a 32-bit element each.
//
// Packed, a tile has a width of its own, b = 0 or 2 … 8 bits, and as many lines of 64 bytes. With b = 8 they are its
// bytes. Else u = (z + 2^(b-1)) mod 2^b is cut into the parts of 4, 2 and 1 bits that make up b, the lowest bits in the
// widest. A part of w bits has w lines, after those of the wider parts; byte i of its line l has the bits of byte i of
// the 8/w quads from quad 8/w·l on, those of the first lowest.
//
// What is left of z, ⌊(z + 2^(b-1)) / 2^b⌋ times 2^b, is exceptions: a list of bytes for each strip. The low seven bits
// of an entry say how far on, from the entry before or the strip's beginning, there is a byte of the strip to add 2^b to;
// with the top bit, to subtract it from. 255 goes 127 on and changes nothing. A greater multiple takes several entries.
//
// The width of a tile is the one at which [linePrice] a line and [entryPrice] an entry, where those that change nothing do
// not count, make the least sum, the widest of such. So what a matrix takes follows from its codes alone: a file says it
// in its head (docs/FORMAT.md).
package tiles
