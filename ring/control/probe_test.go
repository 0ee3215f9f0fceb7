package control

import (
	"net"
	"testing"
	"time"
)

// TestRefuses: a port where nobody listens refuses; one where nobody accepts, as at a process that hangs, does not.
func TestRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if refuses(t.Context(), addr, time.Minute) {
		t.Error("a port that is listened at refuses")
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if !refuses(t.Context(), addr, time.Minute) {
		t.Error("a port that nobody listens at does not refuse")
	}
}
