// Package legacy has the schemas of the Python original's receipts of single operations, with
// its field names and its odd words: products (stream_xw_receipt_v1), attention, FFN and blocks
// of a transformer. Fields that the original does not have are added, never renamed, so that its tools
// read ours. Runs of this program leave a [receipt.Execution], which may have one of these
// as the detail of its measurements; package record makes them of what the engines report.
package legacy
