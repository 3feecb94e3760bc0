// Package house holds tests that keep the module in order: which package imports which, what
// the public packages show, that their errors can happen and their examples run. What is not
// yet as it should be stands in lists of exceptions, which fail when they are no longer needed.
package house
