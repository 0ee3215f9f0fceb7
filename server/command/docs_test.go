package command

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestDocsAreCurrent(t *testing.T) {
	var b bytes.Buffer
	if err := GenerateDocs(&b, NewTable()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("docs/commands.md is not what the command table says: run go generate ./server/command")
	}
	for i := range testTable.Len() {
		r := testTable.At(i)
		syntax := "| `" + strings.ReplaceAll(r.Syntax(), "|", `\|`) + "`"
		if (r.Fn != nil || r.PartFn != nil) && !strings.Contains(b.String(), syntax) {
			t.Errorf("%s is not in docs/commands.md", r.FullName())
		}
	}
}

func TestSyntax(t *testing.T) {
	for name, want := range map[string]string{
		"ping":           "PING [message]",
		"mset":           "MSET key value [key value ...]",
		"auth":           "AUTH [username] password",
		"hello":          "HELLO [protover [AUTH username password] [SETNAME clientname]]",
		"client|reply":   "CLIENT REPLY <ON | OFF | SKIP>",
		"client|list":    "CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
		"client|setinfo": "CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>",
		"config|set":     "CONFIG SET parameter value [parameter value ...]",
		"client":         "CLIENT subcommand [argument ...]",
		"memory|usage":   "MEMORY USAGE key [SAMPLES count]",
		"command|list":   "COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
		"set": "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | " +
			"PXAT unix-time-milliseconds | KEEPTTL]",
	} {
		if got := testTable.LookupName(name).Syntax(); got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}
