//go:build linux

package front

import (
	"bytes"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPipeline16 is ping-pong over loopback: 50 clients, each with 16 requests of a plain GET's size under way and
// as many replies of 38 bytes. One operation is one request. The clients share the machine and the process.
func BenchmarkPipeline16(b *testing.B) { benchPipeline(b, 16) }

// BenchmarkPipeline1 is the same with one request under way per client.
func BenchmarkPipeline1(b *testing.B) { benchPipeline(b, 1) }

func benchPipeline(b *testing.B, pipeline int) {
	for _, loops := range []int{1, 2} {
		b.Run([]string{"", "loops=1", "loops=2"}[loops], func(b *testing.B) {
			const clients = 50
			request := []byte("*2\r\n$3\r\nGET\r\n$17\r\nkey:0000000000001\r\n")
			reply := []byte("$32\r\n01234567890123456789012345678901\r\n")
			h := &funcs{data: func(c *Conn, p []byte) {
				for n := len(p) / len(request); n > 0; n-- {
					c.Out = append(c.Out, reply...)
				}
				c.Dirty()
			}}
			_, addr := start(b, Options{Loops: loops, NewConn: always(h)})
			batch := bytes.Repeat(request, pipeline)
			conns := make([]net.Conn, clients)
			for i := range conns {
				conns[i] = dial(b, addr)
				conns[i].SetDeadline(time.Time{})
			}
			rounds := max(1, b.N/pipeline/clients)
			var ru0, ru1 syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &ru0)
			b.ReportAllocs()
			b.ResetTimer()
			begin := time.Now()
			var wg sync.WaitGroup
			for _, nc := range conns {
				wg.Go(func() {
					buf := make([]byte, len(reply)*pipeline)
					for range rounds {
						if _, err := nc.Write(batch); err != nil {
							b.Error(err)
							return
						}
						if _, err := io.ReadFull(nc, buf); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			done := float64(rounds * pipeline * clients)
			b.StopTimer()
			syscall.Getrusage(syscall.RUSAGE_SELF, &ru1)
			b.ReportMetric(done/time.Since(begin).Seconds(), "req/s")
			cpu := ru1.Utime.Nano() + ru1.Stime.Nano() - ru0.Utime.Nano() - ru0.Stime.Nano()
			b.ReportMetric(float64(cpu)/done, "cpu-ns/req")
		})
	}
}
