// Package receipt holds the records that operations leave behind: what went in
// and came out, by SHA-256, and what it cost.
//
// A receipt keeps the field names of the Python original, so that its tools
// read ours. Fields that the original does not have are added, never renamed.
package receipt
