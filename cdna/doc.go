// Package cdna reads and writes compressed weight matrices: CDNA v1 and v2 files, HXZO outlier sidecars, lossless
// and lattice files.
//
// A matrix [rows, cols] is stored as a codebook of 256 float32 values and one byte per weight, the index of its
// value, row by row. In v2 the indices are cut into blocks of whole rows; each block is packed by itself and has its
// own SHA-256, so any rows can be read alone and checked as they are read. This package moves bytes; it does no
// arithmetic on weights. docs/FORMAT.md specifies every byte.
//
// # Reading
//
//	f, err := cdna.Open("blk.0.ffn_up.cdna2.hxz") // v1 or v2, told apart by their first bytes
//	defer f.Close()
//	v := cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0)
//	rows := make([]byte, 10*f.Cols())
//	err = f.ReadRows(ctx, rows, 100, 110, v)
//	table := f.Codebook() // weight = table[index]
//
// Everything in a file is checked against the file's real length before it is used; a damaged or hostile file gives
// an error that wraps one of the sentinels (ErrTruncated, ErrChecksum, ...) and names the file and the block.
// A File may be used by any number of goroutines at once. Callers that want no allocation at all bring their own
// buffers: ReadCompressed, Decompress and CheckBlock are the three steps of ReadBlock. (Where blocks are InTiles, CheckBlock
// takes what ReadCompressed read.)
//
// # Verifying
//
// A Verifier says which blocks are hashed when they are read: always, a repeatable sample of about 10 %, or each
// block the first time it is used (trust-cached). File.Verify hashes all of them.
//
// # Writing
//
//	w, err := cdna.Create(path, cdna.WriterOptions{TensorName: "w", Rows: r, Cols: c, Codebook: values})
//	_, err = w.Write(indices) // any chunking
//	stats, err := w.Finish(nil)
//
// Blocks are packed by several workers with a few blocks in memory; the bytes do not depend on the number of workers
// nor on how Write was fed. The file appears under its name only when Finish has succeeded.
//
// # Lossless
//
// A lossless file has no codebook: its blocks are the elements themselves, bit for bit, packed as byte planes.
//
//	w, err := cdna.CreateLossless(path, cdna.LosslessOptions{TensorName: "w", Rows: r, Cols: c, DType: "BF16"})
//	_, err = w.Write(elements) // little-endian bytes, any chunking
//	stats, err := w.Finish()
//
//	f, err := cdna.OpenLossless(path)
//	err = f.ReadRows(ctx, elements, 100, 110, v)
//	err = f.ReadFloat32(ctx, values, 100*f.Cols(), v)
//
// # Lattice
//
// A lattice file holds integers Z, a step per column s and a scale per row t: weights are diag(t)·Z·diag(s). Its blocks
// are the integers' codes, with the columns of a row in an order of its own; it is written whole, from memory.
//
//	stats, err := cdna.CreateLattice(path, &cdna.LatticeMatrix{Rows: r, Cols: c, Codes: codes, ...}, cdna.LatticeOptions{TensorName: "w"})
//
//	f, err := cdna.OpenLattice(path)
//	err = f.ReadFloat32(ctx, values, 100*f.Cols(), v) // in the matrix's own order
//	err = f.ReadRows(ctx, codes, 100, 110, v)         // column f.Order()[p] at place p of each row
//
// # Sidecars
//
// A Sidecar lists the positions whose weight the codebook cannot express well, with the float16 that replaces it.
// File.CheckSidecar tells whether one belongs to a file; a writer ties them together:
//
//	w, err := cdna.Create(path, cdna.WriterOptions{..., Sidecar: true}) // keeps room in the header
//	_, sum, err := cdna.CreateSidecar(sidecarPath, s)
//	w.SetSidecar(sum)
//	stats, err := w.Finish(nil)
package cdna
