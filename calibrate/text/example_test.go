package text_test

import (
	"fmt"
	"log"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
)

func ExampleDefault() {
	sections, err := text.Default()
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range sections {
		if s.Kind == "dialogue" && s.Language == "en" {
			for _, m := range s.Messages {
				fmt.Printf("%s says %.30q\n", m.Role, m.Content)
			}
			break
		}
	}
	// Output:
	// user says "What should I cook tonight? I "
	// assistant says "You could make a savory bread "
	// user says "No milk, sadly."
	// assistant says "Then make a frittata instead: "
}
