// Package freespace tells how much can still be written to a disk.
package freespace
