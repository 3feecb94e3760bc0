// Package embedding makes one vector of a text of the states that a model has for its tokens, as a sentence-transformers
// directory says: modules.json names what comes after the model, pooling, dense layers and normalization, and
// config_sentence_transformers.json the prompts that are put before texts. A model without these files has a [Pipeline] too.
//
// What would make another vector and is not known here is refused by its name, [ErrModule]. Vectors have the same bits on
// every machine: sums are taken in float64, in order.
package embedding
