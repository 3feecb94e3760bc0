// Package cluster converts a checkpoint on many machines, which share nothing but its source and a broker,
// NATS with JetStream:
//
//	broker := cluster.Connection{Servers: "nats://broker"}
//	report, err := cluster.Convert(ctx, job, cluster.Options{Connection: broker}) // the coordinator
//	...
//	err = cluster.Work(ctx, cluster.WorkerOptions{Connection: broker}) // on other machines
//
// The coordinator runs [convert.Directory], whose tensors are made by workers ([convert.Maker]). An item of work, a
// message, says all that a tensor's files depend on; its key is the SHA-256 of that. A worker opens the source itself, makes the
// files, stores them under their SHA-256, and then says so; the coordinator compares each file with its hash and goes on
// as if it had made it. So nothing that any process had in its head is needed: kill any of them, the coordinator
// included, and start it again, or another.
//
// A worker holds an item by a lease, which it renews while it works; a lease that ends gives the item to another worker. What
// one is slow at, an idle one does too, near the end; the first result counts, as both are the same.
//
// # Workers that lie
//
// With Options.Check a share of the items, which workers cannot foresee, is made by two workers each. Where results differ a third
// decides; who has another result than two others is named, none of its results count any more, and all that nobody else has made is made again. No
// tensor counts before all checks have been passed. What cannot have come of an item is found without a check: files
// of other hashes, of another tensor or another source.
package cluster
