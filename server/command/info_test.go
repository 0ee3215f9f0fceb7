package command

import (
	"slices"
	"strings"
	"testing"
)

// infoOmitted are the lines of Redis 7.0's INFO that say nothing of this node. No tool among those looked at reads them.
var infoOmitted = []string{
	"atomicvar_api", "gcc_version", "monotonic_clock",
	"used_memory_vm_eval", "used_memory_scripts_eval", "used_memory_vm_functions", "used_memory_vm_total",
	"used_memory_vm_total_human", "used_memory_functions",
	"rss_overhead_ratio", "rss_overhead_bytes", "mem_total_replication_buffers",
	"current_cow_peak", "current_cow_size", "current_cow_size_age", "current_fork_perc", "current_save_keys_processed",
	"current_save_keys_total", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded", "aof_rewrites",
	"aof_rewrites_consecutive_failures", "aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size",
	"instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps", "expire_cycle_cpu_milliseconds",
	"active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time",
	"dump_payload_sanitizations", "io_threaded_reads_processed", "io_threaded_writes_processed", "reply_buffer_shrinks",
	"reply_buffer_expands",
}

// TestInfoAsRedis: every section and line of Redis's INFO is there, in the same order, but for infoOmitted.
func TestInfoAsRedis(t *testing.T) {
	redis, ours := startRedis(t), newAdmin(t)
	for _, ask := range []string{
		"INFO", "INFO default", "INFO all", "INFO everything", "INFO keyspace SERVER", "INFO Stats memory",
	} {
		want, got := infoNames(t, redis.do(ask)), infoNames(t, ours.do(ask))
		at := 0
		for _, name := range want {
			if slices.Contains(infoOmitted, name) {
				if slices.Contains(got, name) {
					t.Errorf("%s: %s is there, and in infoOmitted", ask, name)
				}
				continue
			}
			i := slices.Index(got[at:], name)
			if i < 0 {
				t.Errorf("%s: %s is missing or out of order", ask, name)
				continue
			}
			at += i + 1
		}
	}
}

// infoNames lists the titles ("# Server") and the names of the lines of an INFO text, but for statistics and databases.
func infoNames(t *testing.T, reply string) []string {
	v, _ := parseReply(t, []byte(reply))
	var names []string
	for line := range strings.Lines(v.(string)) {
		line = strings.TrimSuffix(line, "\r\n")
		name, _, _ := strings.Cut(line, ":")
		if name != "" && !strings.HasPrefix(name, "cmdstat_") && !strings.HasPrefix(name, "errorstat_") &&
			!strings.HasPrefix(name, "latency_") {
			names = append(names, name)
		}
	}
	return names
}

func TestInfoValues(t *testing.T) {
	a := newAdmin(t)
	s := &a.node.stats
	s.Version, s.RunID, s.PID, s.TCPPort, s.StartMilli = "0.1.0", strings.Repeat("1", 40), 99, 7000, a.now-90_061_500
	s.MemoryUsed, s.MemoryPeak, s.MemoryOverhead, s.MemoryRSS = 3<<20, 4<<20, 1<<20, 6<<20
	s.Commands, s.OpsPerSec, s.Hits, s.InKBps = 77, 5, 3, 1.5
	s.LeaseMilli, s.Term = 740, 3
	s.Databases[0] = DatabaseStats{Keys: 10, Expires: 2, AvgTTLMilli: 500}
	s.Databases[9] = DatabaseStats{Keys: 1}
	s.PerError = []ErrorCount{{"ERR", 2}, {"WRONGTYPE", 1}}
	g := NewStatsGroup(a.ctx.Table)
	loop := g.NewLoop()
	for _, name := range []string{"ping", "client|list"} {
		row := a.ctx.Table.LookupName(name)
		loop.Begin(row)
		loop.Time(row, 2500)
	}
	loop.Reject(a.ctx.Table.LookupName("echo"), []byte("-ERR no\r\n"))
	loop.Publish()
	s.PerCommand = g.Totals()

	text := a.do("INFO everything")
	for _, want := range []string{
		"redis_version:7.2.4", "ringcache_version:0.1.0", "redis_mode:cluster", "process_id:99", "tcp_port:7000",
		"uptime_in_seconds:90061", "uptime_in_days:1", "used_memory:3145728", "used_memory_human:3.00M",
		"used_memory_peak_perc:75.00%", "used_memory_dataset:2097152", "mem_fragmentation_ratio:2.00",
		"total_commands_processed:77", "instantaneous_ops_per_sec:5", "instantaneous_input_kbps:1.50", "keyspace_hits:3",
		"total_error_replies:3", "role:master", "cluster_enabled:1", "db0:keys=10,expires=2,avg_ttl=500",
		"db9:keys=1,expires=0,avg_ttl=0", "errorstat_ERR:count=2", "errorstat_WRONGTYPE:count=1",
		"cmdstat_ping:calls=1,usec=2,usec_per_call=2.50,rejected_calls=0,failed_calls=0",
		"cmdstat_client|list:calls=1,usec=2,usec_per_call=2.50,rejected_calls=0,failed_calls=0",
		"cmdstat_echo:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0",
		"# Ringcache", "node_id:" + idA, "epoch:42", "leader:" + idA, "is_leader:1", "lease_ms:740", "term:3", "cluster_ok:1",
		"primary_slots:102", "replica_slots:15900", "slots_assigned:16002", "zone:z1",
	} {
		if !strings.Contains(text, "\r\n"+want+"\r\n") {
			t.Errorf("INFO everything lacks %q", want)
		}
	}
	if strings.Contains(text, "db1:") || strings.Contains(text, "cmdstat_get:") {
		t.Error("INFO shows empty databases or commands that were not called")
	}
	got := a.do("INFO ringcache cpu")
	if strings.Count(got, "# ") != 2 || strings.Index(got, "# CPU") > strings.Index(got, "# Ringcache") {
		t.Errorf("two sections: %q", got)
	}
	if text := a.do("INFO"); strings.Contains(text, "# Commandstats") || !strings.Contains(text, "# Ringcache") {
		t.Error("the default sections are wrong")
	}
}

// TestClientInfoAsRedis: the fields of CLIENT INFO are Redis's in its order, and those of 7.2 after them.
func TestClientInfoAsRedis(t *testing.T) {
	fields := func(reply string) (names []string) {
		v, _ := parseReply(t, []byte(reply))
		for _, f := range strings.Fields(v.(string)) {
			name, _, _ := strings.Cut(f, "=")
			names = append(names, name)
		}
		return names
	}
	want := append(fields(startRedis(t).do("CLIENT INFO")), "lib-name", "lib-ver")
	if got := fields(newAdmin(t).do("CLIENT INFO")); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 916440: "894.96K", 25276510208: "23.54G", 1 << 40: "1.00T", 1 << 60: "1024.00P",
	} {
		if got := humanBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
