// googlesql-parse reads GoogleSQL statements, one JSON string a line, and answers each with one line: "ok" or the parser's error.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	g "github.com/goccy/go-googlesql"
)

func main() {
	if err := g.Init(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 1<<24)
	for lines.Scan() {
		var statement string
		if err := json.Unmarshal(lines.Bytes(), &statement); err != nil {
			fmt.Println("not a JSON string: " + err.Error())
			continue
		}
		if _, err := g.ParseStatement(statement, nil); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok")
	}
}
