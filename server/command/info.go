package command

import (
	"runtime"
	"strconv"
)

// CompatVersion is the version of Redis whose commands and replies this node offers. Clients and tools compare it to decide
// what they may use; INFO shows the version of ringcache itself beside it.
const CompatVersion = "7.2.4"

// infoSection is one section of INFO. When sections are named, the order stays that of infoSections.
type infoSection struct {
	name      string
	byDefault bool // shown by INFO without arguments
	write     func(w *infoWriter, c *Ctx, s *Stats)
}

// infoSections lists the sections in the order shown. "all" and "everything" show every one of them: there are no modules
// whose sections would make these two differ.
var infoSections = []infoSection{
	{"server", true, infoServer},
	{"clients", true, infoClients},
	{"memory", true, infoMemory},
	{"persistence", true, infoPersistence},
	{"stats", true, infoStats},
	{"replication", true, infoReplication},
	{"cpu", true, infoCPU},
	{"modules", true, func(w *infoWriter, _ *Ctx, _ *Stats) { w.title("Modules") }},
	{"commandstats", false, infoCommandStats},
	{"errorstats", true, infoErrorStats},
	{"latencystats", false, func(w *infoWriter, _ *Ctx, _ *Stats) { w.title("Latencystats") }},
	{"cluster", true, infoCluster},
	{"keyspace", true, infoKeyspace},
	{"ringcache", true, infoRingcache},
}

// infoRow is INFO: https://redis.io/docs/latest/commands/info/
func infoRow() *Row {
	return &Row{
		Name: "info", Arity: -1, Flags: Loading | Stale | Slow, ACL: []string{"dangerous"},
		Tips:  []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Group: "server", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Get information and statistics about the server",
		History: [][2]string{{"7.0.0", "Added support for taking multiple section arguments."}},
		Params:  []Param{strParam("section").optional().multiple()},
		Note:    "About the node that answers; keyspace counts the keys that it is primary of. The section ringcache is ours.",
		Route:   Here, Fn: info,
	}
}

func info(c *Ctx) {
	stats := c.Node.Stats()
	w := infoWriter{now: c.Now}
	for i := range infoSections {
		if s := &infoSections[i]; infoWants(c.Args[1:], s) {
			s.write(&w, c, &stats)
		}
	}
	c.Out.Verbatim("txt", string(w.b))
}

// infoWants reports whether the arguments of INFO ask for section s.
func infoWants(args [][]byte, s *infoSection) bool {
	if len(args) == 0 {
		return s.byDefault
	}
	for _, a := range args {
		switch {
		case is(a, s.name), is(a, "all"), is(a, "everything"), s.byDefault && is(a, "default"):
			return true
		}
	}
	return false
}

// infoWriter builds the text of INFO: titles, and lines of "name:value".
type infoWriter struct {
	b   []byte
	now int64
}

func (w *infoWriter) title(name string) {
	if len(w.b) > 0 {
		w.b = append(w.b, "\r\n"...)
	}
	w.b = append(append(append(w.b, "# "...), name...), "\r\n"...)
}

func (w *infoWriter) str(name, value string) {
	w.b = append(append(append(append(w.b, name...), ':'), value...), "\r\n"...)
}

func (w *infoWriter) int(name string, v int64) {
	w.b = append(append(w.b, name...), ':')
	w.b = append(strconv.AppendInt(w.b, v, 10), "\r\n"...)
}

func (w *infoWriter) uint(name string, v uint64) {
	w.b = append(append(w.b, name...), ':')
	w.b = append(strconv.AppendUint(w.b, v, 10), "\r\n"...)
}

func (w *infoWriter) float(name string, v float64, digits int, unit string) {
	w.b = append(append(w.b, name...), ':')
	w.b = append(append(strconv.AppendFloat(w.b, v, 'f', digits, 64), unit...), "\r\n"...)
}

// bytes writes a size twice, the second time for people.
func (w *infoWriter) bytes(name string, v int64) {
	w.int(name, v)
	w.str(name+"_human", humanBytes(v))
}

func (w *infoWriter) flag(name string, on bool) {
	v := int64(0)
	if on {
		v = 1
	}
	w.int(name, v)
}

// zeros writes lines whose value is always 0: what tools read and this node never does.
func (w *infoWriter) zeros(names ...string) {
	for _, n := range names {
		w.int(n, 0)
	}
}

// humanBytes formats a size as Redis does: "894.96K", "23.54G".
func humanBytes(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return strconv.FormatFloat(v, 'f', 2, 64) + units[u:u+1]
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func infoServer(w *infoWriter, c *Ctx, s *Stats) {
	w.title("Server")
	w.str("redis_version", CompatVersion)
	w.str("server_name", "ringcache")
	w.str("ringcache_version", s.Version)
	w.str("redis_git_sha1", "00000000")
	w.int("redis_git_dirty", 0)
	w.str("redis_build_id", "0")
	w.str("redis_mode", serverMode)
	w.str("os", runtime.GOOS+" "+runtime.GOARCH)
	w.int("arch_bits", strconv.IntSize)
	w.str("go_version", runtime.Version())
	w.str("multiplexing_api", multiplexing())
	w.int("process_id", int64(s.PID))
	w.str("process_supervised", "no")
	w.str("run_id", s.RunID)
	w.int("tcp_port", int64(s.TCPPort))
	w.int("server_time_usec", c.Now*1000)
	up := max(c.Now-s.StartMilli, 0) / 1000
	w.int("uptime_in_seconds", up)
	w.int("uptime_in_days", up/86400)
	w.int("hz", infoHz)
	w.int("configured_hz", infoHz)
	w.int("lru_clock", c.Now/1000&(1<<24-1))
	w.str("executable", s.Executable)
	w.str("config_file", s.ConfigFile)
	w.int("io_threads_active", 0)
	w.int("event_loops", int64(s.Loops))
}

// infoHz is how often a second a loop does its periodic work.
const infoHz = 10

func multiplexing() string {
	if runtime.GOOS == "linux" {
		return "epoll"
	}
	return "goroutines"
}

func infoClients(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Clients")
	w.int("connected_clients", int64(s.Clients))
	w.int("cluster_connections", int64(s.PeerLinks))
	w.int("maxclients", int64(s.MaxClients))
	w.int("client_recent_max_input_buffer", int64(s.MaxInput))
	w.int("client_recent_max_output_buffer", int64(s.MaxOutput))
	w.int("blocked_clients", int64(s.BlockedClients))
	w.zeros("tracking_clients")
	w.int("clients_in_timeout_table", int64(s.TimedClients))
	w.int("held_requests", int64(s.HeldRequests))
	w.int("proxied_in_flight", int64(s.InFlight))
}

func infoMemory(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Memory")
	peak := max(s.MemoryPeak, s.MemoryUsed)
	data := max(s.MemoryUsed-s.MemoryOverhead, 0)
	w.bytes("used_memory", s.MemoryUsed)
	w.bytes("used_memory_rss", s.MemoryRSS)
	w.bytes("used_memory_peak", peak)
	w.float("used_memory_peak_perc", 100*ratio(s.MemoryUsed, peak), 2, "%")
	w.int("used_memory_overhead", s.MemoryOverhead)
	w.int("used_memory_startup", 0)
	w.int("used_memory_dataset", data)
	w.float("used_memory_dataset_perc", 100*ratio(data, s.MemoryUsed), 2, "%")
	allocated := s.MemoryUsed + s.GoHeapInUse
	active, resident := s.Memory.Active+s.GoHeapInUse, s.Memory.Resident+s.GoHeapSys
	w.int("allocator_allocated", allocated)
	w.int("allocator_active", active)
	w.int("allocator_resident", resident)
	w.bytes("total_system_memory", s.MemorySystem)
	w.bytes("used_memory_lua", 0)
	w.zeros("number_of_cached_scripts", "number_of_functions", "number_of_libraries")
	w.bytes("used_memory_scripts", 0)
	w.bytes("maxmemory", s.MaxMemory)
	w.str("maxmemory_policy", s.EvictionPolicy)
	w.float("allocator_frag_ratio", ratio(active, allocated), 2, "")
	w.int("allocator_frag_bytes", active-allocated)
	w.float("allocator_rss_ratio", ratio(resident, active), 2, "")
	w.int("allocator_rss_bytes", resident-active)
	w.float("mem_fragmentation_ratio", ratio(s.MemoryRSS, s.MemoryUsed), 2, "")
	w.int("mem_fragmentation_bytes", s.MemoryRSS-s.MemoryUsed)
	w.zeros("mem_not_counted_for_evict", "mem_replication_backlog", "mem_clients_slaves")
	w.int("mem_clients_normal", s.ClientBuffers)
	w.int("mem_cluster_links", s.LinkBuffers)
	w.int("mem_aof_buffer", 0)
	w.str("mem_allocator", "ringcache")
	w.int("active_defrag_running", int64(s.Memory.Moving))
	w.int("lazyfree_pending_objects", int64(s.Memory.Pending))
	w.int("lazyfreed_objects", int64(s.Memory.Released))
}

func infoPersistence(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Persistence")
	w.zeros("loading", "async_loading")
	w.uint("rdb_changes_since_last_save", s.DirtyKeys)
	w.int("rdb_bgsave_in_progress", 0)
	w.int("rdb_last_save_time", s.StartMilli/1000)
	w.str("rdb_last_bgsave_status", "ok")
	w.int("rdb_last_bgsave_time_sec", -1)
	w.int("rdb_current_bgsave_time_sec", -1)
	w.zeros("rdb_saves", "rdb_last_cow_size", "aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
	w.int("aof_last_rewrite_time_sec", -1)
	w.int("aof_current_rewrite_time_sec", -1)
	w.str("aof_last_bgrewrite_status", "ok")
	w.str("aof_last_write_status", "ok")
}

func infoStats(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Stats")
	w.uint("total_connections_received", s.Connections)
	w.uint("total_commands_processed", s.Commands)
	w.int("instantaneous_ops_per_sec", s.OpsPerSec)
	w.uint("total_net_input_bytes", s.NetIn)
	w.uint("total_net_output_bytes", s.NetOut)
	w.uint("total_net_repl_input_bytes", s.ReplIn)
	w.uint("total_net_repl_output_bytes", s.ReplOut)
	w.float("instantaneous_input_kbps", s.InKBps, 2, "")
	w.float("instantaneous_output_kbps", s.OutKBps, 2, "")
	w.uint("rejected_connections", s.RejectedConnections)
	w.uint("sync_full", s.SyncFull)
	w.uint("sync_partial_ok", s.SyncPartial)
	w.int("sync_partial_err", 0)
	w.uint("expired_subkeys", s.ExpiredFields) // as from Redis 7.4 on
	w.uint("expired_keys", s.Expired)
	w.float("expired_stale_perc", 0, 2, "")
	w.int("expired_time_cap_reached_count", 0)
	w.uint("evicted_keys", s.Evicted)
	w.uint("evicted_clients", s.EvictedClients)
	w.int("total_eviction_exceeded_time", s.OverLimitMilli)
	w.int("current_eviction_exceeded_time", s.OverLimitNowMilli)
	w.uint("keyspace_hits", s.Hits)
	w.uint("keyspace_misses", s.Misses)
	w.zeros("pubsub_channels", "pubsub_patterns", "pubsubshard_channels", "latest_fork_usec", "total_forks",
		"migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses",
		"tracking_total_keys", "tracking_total_items", "tracking_total_prefixes")
	w.uint("unexpected_error_replies", s.UnexpectedErrors)
	var errs uint64
	for i := range s.PerError {
		errs += s.PerError[i].Count
	}
	w.uint("total_error_replies", errs)
	w.uint("total_reads_processed", s.Reads)
	w.uint("total_writes_processed", s.Writes)
	w.uint("requests_forwarded", s.Forwarded)
	w.uint("requests_served_for_peers", s.Served)
	w.uint("requests_held", s.Held)
}

func infoCPU(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("CPU")
	w.float("used_cpu_sys", s.CPUSys, 6, "")
	w.float("used_cpu_user", s.CPUUser, 6, "")
	w.float("used_cpu_sys_children", 0, 6, "")
	w.float("used_cpu_user_children", 0, 6, "")
	w.float("used_cpu_sys_main_thread", s.CPULoopSys, 6, "")
	w.float("used_cpu_user_main_thread", s.CPULoopUser, 6, "")
}

func infoCommandStats(w *infoWriter, c *Ctx, s *Stats) {
	w.title("Commandstats")
	for i := range s.PerCommand {
		n := &s.PerCommand[i]
		if n.Calls == 0 && n.Rejected == 0 {
			continue
		}
		w.b = append(append(append(w.b, "cmdstat_"...), c.Table.At(i).FullName()...), ":calls="...)
		w.b = strconv.AppendUint(w.b, n.Calls, 10)
		w.b = strconv.AppendUint(append(w.b, ",usec="...), uint64(n.Micros()), 10)
		w.b = strconv.AppendFloat(append(w.b, ",usec_per_call="...), n.Micros()/float64(max(n.Calls, 1)), 'f', 2, 64)
		w.b = strconv.AppendUint(append(w.b, ",rejected_calls="...), n.Rejected, 10)
		w.b = strconv.AppendUint(append(w.b, ",failed_calls="...), n.Failed, 10)
		w.b = append(w.b, "\r\n"...)
	}
}

func infoErrorStats(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Errorstats")
	for i := range s.PerError {
		w.str("errorstat_"+s.PerError[i].Prefix, "count="+strconv.FormatUint(s.PerError[i].Count, 10))
	}
}

func infoCluster(w *infoWriter, _ *Ctx, _ *Stats) {
	w.title("Cluster")
	w.int("cluster_enabled", 1)
}

func infoKeyspace(w *infoWriter, _ *Ctx, s *Stats) {
	w.title("Keyspace")
	for i := range s.Databases {
		if d := &s.Databases[i]; d.Keys > 0 {
			w.str("db"+strconv.Itoa(i), "keys="+strconv.FormatInt(d.Keys, 10)+",expires="+strconv.FormatInt(d.Expires, 10)+
				",avg_ttl="+strconv.FormatInt(d.AvgTTLMilli, 10))
		}
	}
}

func infoRingcache(w *infoWriter, c *Ctx, s *Stats) {
	w.title("Ringcache")
	t := c.Node.Topology()
	count := countTopology(t)
	w.str("node_id", t.self().ID)
	w.str("cluster_id", t.ClusterID)
	w.uint("epoch", t.Epoch)
	w.uint("term", s.Term)
	leader := ""
	for i := range t.Nodes {
		if t.Nodes[i].Leader {
			leader = t.Nodes[i].ID
		}
	}
	w.str("leader", leader)
	w.flag("is_leader", leader != "" && leader == t.self().ID)
	w.int("lease_ms", s.LeaseMilli)
	w.uint("leases_lost", s.LeasesLost)
	w.str("state", t.self().State)
	w.flag("cluster_ok", t.OK)
	w.int("nodes", int64(len(t.Nodes)))
	w.int("primary_slots", int64(count.primary[t.Self]))
	w.int("replica_slots", int64(count.replica[t.Self]))
	w.int("slots_assigned", int64(count.assigned))
	w.str("zone", t.self().Zone)
	w.int("weight", int64(t.self().Weight))
}
