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
// What is left of z, ⌊(z + 2^(b-1)) / 2^b⌋ times 2^b, is exceptions: a list of entries for each strip, a byte each, by
// groups of two tiles, 64 columns; a strip's last group may be one tile. The low six bits of an entry are the column in the
// group of a code to add 2^b to, with the tile's b; with the top bit, to subtract it from. A greater multiple takes several
// entries. Those of a row are in ascending order of columns. A group has a word of 64 bits of counts, four for each row, the
// first row's lowest: the number of the row's entries, or 15 for more than 14. Of each row with so many, the list has the
// first four entries, then of each the next four, four again and then two, and after that tails: what rows with more than
// 14 have left, a tail's last entry with bit 6 set. So an entry's place in the list tells its row, sixteen rows' entries
// are spread to lanes by one instruction, and a list needs as many bytes as there are entries.
//
// The width of a tile is the one at which [linePrice] a line and [entryPrice] an entry make the least sum, the widest of
// such. So what a matrix takes follows from its codes alone: a file says it in its head (docs/FORMAT.md). It counts an
// entry more for each 127 bytes of a strip between two exceptions; a list leaves that room free.
//
// A block of a file may be kept so by itself, as [AppendBlock] writes and [Matrix.Open] reads it: lines, exceptions, counts,
// widths and an index of the strips.
package tiles
