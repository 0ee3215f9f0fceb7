// Package config is the one definition of a node's settings. A setting is a field of Config: its tags give the flag, the
// environment variable (RINGCACHE_ and the name), the line of the config file, what CONFIG GET shows, what CONFIG SET
// accepts, and the help. There is no second list of names anywhere.
//
// Beside the tags that kong reads (name, help, group, default, enum, placeholder) a field may carry:
//
//	conf:"immutable"   CONFIG SET refuses it: it takes effect at start only
//	conf:"secret"      CONFIG GET and logs show that it is set, never what it is
//	conf:"clamp"       a number outside its range is moved to the nearest bound, as Redis does for hz
//	conf:"flagonly"    has no meaning in a config file
//	range:"1 100"      smallest and largest value, in the units of CONFIG GET; sizes may have suffixes
//	only:"no"          the one value that is accepted, and only-why says why
//	older:"name"       another name, which CONFIG GET and SET and the config file know too
//	unit:"s"           a duration shown as whole seconds; a bare number is seconds
//
// Precedence: flag, environment, file, default.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
)

// BusPortOffset is what a node adds to its client port to get the port of its bus, TCP and UDP.
const BusPortOffset = 10000

// AcksPrimary is the value of Acks by which replies do not wait for replicas.
const AcksPrimary = "primary"

// Config holds every setting of a node. A Config that others can see is never changed: Store publishes a new one.
type Config struct {
	Port           int    `name:"port" group:"net" default:"7000" range:"1 55535" conf:"immutable" help:"Client port. The bus uses this port + 10000, TCP and UDP."`
	Bind           Addrs  `name:"bind" group:"net" default:"127.0.0.1" conf:"immutable" placeholder:"ADDR,..." help:"Addresses to listen on; * is all of them."`
	UnixSocket     string `name:"unixsocket" group:"net" default:"" conf:"immutable" placeholder:"PATH" help:"Listen for clients on this Unix socket too."`
	UnixSocketPerm Perm   `name:"unixsocketperm" group:"net" default:"0" conf:"immutable" placeholder:"OCTAL" help:"Permissions of the Unix socket; 0 leaves them to the umask."`
	AnnounceIP     string `name:"cluster-announce-ip" group:"net" default:"" conf:"immutable" placeholder:"IP" help:"Address that other nodes and clients are told; default: the first of --bind."`
	AnnouncePort   int    `name:"cluster-announce-port" group:"net" default:"0" range:"0 55535" conf:"immutable" help:"Client port that others are told; 0: --port."`

	Dir           string   `name:"dir" group:"cluster" default:"" conf:"immutable" placeholder:"DIR" help:"Data directory: the node's id and the cluster's map. Default: ringcache-PORT."`
	Join          Addrs    `name:"join" group:"cluster" default:"" conf:"immutable" placeholder:"HOST:PORT,..." help:"Join the cluster of any of these nodes (client addresses). Without it a fresh node starts a cluster of its own."`
	Replicas      int      `name:"replicas" group:"cluster" default:"1" range:"0 4" conf:"immutable" help:"Copies of each slot beside its primary."`
	Acks          string   `name:"acks" group:"cluster" default:"in-sync" enum:"in-sync,primary" conf:"immutable" help:"Who must have a write before it is acknowledged: every in-sync replica, or the primary alone."`
	NodeTimeout   Duration `name:"node-timeout" group:"cluster" default:"1s" range:"100ms 1m" conf:"immutable" help:"How long a silent node keeps its role. Shorter means faster failover."`
	Hold          Duration `name:"hold" group:"cluster" default:"5s" range:"0s 10m" help:"How long a request waits for a slot that has no serving primary before it fails."`
	LostAfter     Grace    `name:"lost-slots-after" group:"cluster" default:"30s" conf:"immutable" placeholder:"TIME|never" help:"How long slots wait for the last node that may have their data before they begin anew, empty; the leader's counts."`
	ReplicaBuffer Size     `name:"replica-buffer" group:"cluster" default:"256mb" range:"1mb 64gb" conf:"immutable" help:"Bytes that a replica may be behind before it is out of sync and gets its slots anew."`
	MinReplicas   int      `name:"min-replicas-to-write" older:"min-slaves-to-write" group:"cluster" default:"0" range:"0 2147483647" help:"Replicas that a slot must have in sync, or writes to it are refused."`
	Weight        int      `name:"weight" group:"cluster" default:"1" range:"0 100" conf:"immutable" help:"Share of the slots against other nodes; 0 is a standby that holds replicas only."`
	Zone          string   `name:"zone" group:"cluster" default:"" conf:"immutable" placeholder:"NAME" help:"Failure domain; copies of a slot are kept in different zones."`

	MaxMemory        Size   `name:"maxmemory" group:"memory" default:"0" help:"Memory for data, such as 512mb; 0 is without limit."`
	MaxMemoryPolicy  string `name:"maxmemory-policy" group:"memory" default:"noeviction" enum:"volatile-lru,volatile-lfu,volatile-random,volatile-ttl,allkeys-lru,allkeys-lfu,allkeys-random,noeviction" placeholder:"POLICY" help:"What gives way at --maxmemory: noeviction (writes fail), allkeys- or volatile- with lru, lfu or random, or volatile-ttl."`
	MaxMemorySamples int    `name:"maxmemory-samples" group:"memory" default:"5" range:"1 2147483647" help:"Keys looked at for each eviction."`
	LFULogFactor     int    `name:"lfu-log-factor" group:"memory" default:"10" range:"0 2147483647" help:"How slowly the LFU counter grows."`
	LFUDecayTime     int    `name:"lfu-decay-time" group:"memory" default:"1" range:"0 2147483647" help:"Minutes after which the LFU counter falls by one; 0: never."`

	HashEntries   int  `name:"hash-max-listpack-entries" group:"encodings" default:"512" range:"0 2147483647" help:"Fields of a hash that is kept packed."`
	HashValue     Size `name:"hash-max-listpack-value" group:"encodings" default:"64" range:"0 1gb" help:"Bytes of a field or value in a packed hash."`
	ListSize      int  `name:"list-max-listpack-size" group:"encodings" default:"-2" range:"-5 2147483647" help:"Elements of a chunk of a list, or, from -1 to -5, its size: 4kb to 64kb."`
	ListDepth     int  `name:"list-compress-depth" hidden:"" default:"0" only:"0" only-why:"lists are not compressed" help:"Always 0."`
	SetIntset     int  `name:"set-max-intset-entries" group:"encodings" default:"512" range:"0 2147483647" help:"Members of a set of integers that is kept packed."`
	SetEntries    int  `name:"set-max-listpack-entries" group:"encodings" default:"128" range:"0 2147483647" help:"Members of another set that is kept packed."`
	SetValue      Size `name:"set-max-listpack-value" group:"encodings" default:"64" range:"0 1gb" help:"Bytes of a member of a packed set."`
	ZsetEntries   int  `name:"zset-max-listpack-entries" group:"encodings" default:"128" range:"0 2147483647" help:"Members of a sorted set that is kept packed."`
	ZsetValue     Size `name:"zset-max-listpack-value" group:"encodings" default:"64" range:"0 1gb" help:"Bytes of a member of a packed sorted set."`
	StreamBytes   Size `name:"stream-node-max-bytes" group:"encodings" default:"4096" range:"0 1gb" help:"Bytes of one node of a stream; 0: any number."`
	StreamEntries int  `name:"stream-node-max-entries" group:"encodings" default:"100" range:"0 2147483647" help:"Entries of one node of a stream; 0: any number."`
	HLLSparse     Size `name:"hll-sparse-max-bytes" group:"encodings" default:"3000" range:"0 16mb" help:"Bytes of a HyperLogLog in its sparse form."`

	RequirePass   string `name:"requirepass" group:"security" default:"" placeholder:"PASSWORD" help:"Password that clients give with AUTH or HELLO."`
	ClusterSecret string `name:"cluster-secret" group:"security" default:"" conf:"immutable,secret" placeholder:"SECRET" help:"Shared by all nodes: encrypts gossip and proves each bus connection."`
	ProtectedMode YesNo  `name:"protected-mode" group:"security" default:"yes" conf:"immutable" placeholder:"yes|no" help:"Refuse to start when reachable from other machines without --cluster-secret."`

	MaxClients       int          `name:"maxclients" group:"clients" default:"10000" range:"1 4294967295" help:"Client connections at a time."`
	Timeout          Duration     `name:"timeout" group:"clients" default:"0" range:"0 2147483647" unit:"s" help:"Close a connection that is idle for so long; 0: never."`
	TCPKeepAlive     Duration     `name:"tcp-keepalive" group:"clients" default:"300" range:"0 2147483647" unit:"s" help:"Seconds between TCP keepalives to clients; 0: off."`
	TCPBacklog       int          `name:"tcp-backlog" group:"clients" default:"511" range:"0 2147483647" conf:"immutable" help:"Connections that may wait to be accepted."`
	OutputLimits     OutputLimits `name:"client-output-buffer-limit" group:"clients" default:"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60" placeholder:"'CLASS HARD SOFT SECONDS'" help:"Close a client whose unread replies outgrow this; classes: normal, replica, pubsub."`
	QueryBufferLimit Size         `name:"client-query-buffer-limit" group:"clients" default:"1gb" range:"1mb 9223372036854775807" help:"Largest unparsed input of one client."`
	ProtoMaxBulkLen  Size         `name:"proto-max-bulk-len" group:"clients" default:"512mb" range:"1mb 9223372036854775807" help:"Largest single argument."`

	Threads   int    `name:"threads" group:"process" default:"0" range:"0 1024" conf:"immutable" help:"Event loops that serve clients; 0 chooses by the machine."`
	Hz        int    `name:"hz" group:"process" default:"10" range:"1 500" conf:"clamp" help:"Rounds of background work (expiry) a second."`
	LogLevel  string `name:"loglevel" group:"process" default:"notice" enum:"debug,verbose,notice,warning" help:"What to log: debug, verbose, notice or warning."`
	LogFormat string `name:"log-format" group:"process" default:"text" enum:"text,json" conf:"immutable" help:"Form of log lines on standard error: text or json."`
	File      string `name:"config" group:"process" default:"" conf:"immutable,flagonly" placeholder:"FILE" help:"Read settings from FILE: lines of NAME VALUE, as in redis.conf."`

	Databases      int    `name:"databases" hidden:"" default:"16" only:"16" only-why:"the number of databases is fixed" conf:"immutable" help:"Databases that SELECT offers."`
	ClusterEnabled YesNo  `name:"cluster-enabled" hidden:"" default:"yes" only:"yes" only-why:"a node is always a cluster" conf:"immutable" help:"Always yes."`
	AppendOnly     YesNo  `name:"appendonly" hidden:"" default:"no" only:"no" only-why:"a cache keeps its data in memory" help:"Always no."`
	Save           string `name:"save" hidden:"" default:"" only:"" only-why:"a cache keeps its data in memory" help:"Always empty."`
}

// defaults is built once; Default hands out copies.
var defaults = sync.OnceValue(func() *Config {
	c := new(Config)
	for _, s := range settings() {
		v, err := s.parse(s.of(c), s.deflt)
		if err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", s.name, err))
		}
		s.of(c).Set(v)
	}
	return c
})

// Default is the configuration of a node that was told nothing. Its Dir is empty: see DataDir.
func Default() Config { return *defaults() }

// DataDir is the node's data directory: Dir, or ringcache-PORT in the working directory.
func (c *Config) DataDir() string {
	if c.Dir != "" {
		return filepath.Clean(c.Dir)
	}
	return "ringcache-" + strconv.Itoa(c.Port)
}

// ListenAddrs are the host:port addresses at which clients are served, one for each of Bind.
func (c *Config) ListenAddrs() []string { return c.addrs(c.Port) }

// BusAddrs are the host:port addresses of the node's bus, one for each of Bind.
func (c *Config) BusAddrs() []string { return c.addrs(c.Port + BusPortOffset) }

func (c *Config) addrs(port int) []string {
	out := make([]string, len(c.Bind))
	for i, host := range c.Bind {
		if host == "*" {
			host = ""
		}
		out[i] = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return out
}

// Advertised is the client address (host:port) that the node tells others: cluster-announce-ip and -port where they are
// set; else the first address of Bind that is one; else, where Bind is all addresses, the first address of this machine
// that other machines may know, private networks before public, IPv4 before IPv6. interfaces is net.InterfaceAddrs.
func (c *Config) Advertised(interfaces func() ([]net.Addr, error)) (string, error) {
	port := c.Port
	if c.AnnouncePort != 0 {
		port = c.AnnouncePort
	}
	host := c.AnnounceIP
	for _, b := range c.Bind {
		if host == "" && !isWildcard(b) {
			host = b
		}
	}
	if host == "" {
		addrs, err := interfaces()
		if err != nil {
			return "", fmt.Errorf("which address to advertise: %w", err)
		}
		if host = bestAddr(addrs); host == "" {
			return "", fmt.Errorf("no address to advertise on this machine: set --cluster-announce-ip")
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// bestAddr picks from a machine's addresses the one that others most likely reach, or "".
func bestAddr(addrs []net.Addr) string {
	best, bestRank := "", 0
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip, rank := prefix.Addr().Unmap(), 1
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			continue
		}
		if ip.IsPrivate() {
			rank++
		}
		if ip.Is4() {
			rank += 2
		}
		if rank > bestRank {
			best, bestRank = ip.String(), rank
		}
	}
	return best
}

func isWildcard(host string) bool {
	if host == "*" || host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Validate checks what no single setting can: it answers one line that says what to change. A node that other machines
// can reach must prove itself on the bus, or be told that it need not.
func (c *Config) Validate() error {
	if len(c.Bind) == 0 {
		return fmt.Errorf("--bind needs at least one address")
	}
	if c.ProtectedMode == Yes && c.ClusterSecret == "" {
		for _, host := range c.Bind {
			if !isLoopback(host) {
				return fmt.Errorf("--bind %s lets other machines reach this node: set --cluster-secret, or --protected-mode no", host)
			}
		}
	}
	if c.AnnounceIP != "" && !validHost(c.AnnounceIP) {
		return fmt.Errorf("--cluster-announce-ip %s: not an address", c.AnnounceIP)
	}
	for _, addr := range c.Join {
		host, port, err := net.SplitHostPort(addr)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 1 || n > 65535-BusPortOffset || !validHost(host) {
			return fmt.Errorf("--join %s: want HOST:PORT, the client address of a node", addr)
		}
	}
	return nil
}

// SlogLevel is the level of log/slog that LogLevel stands for.
func (c *Config) SlogLevel() slog.Level {
	switch c.LogLevel {
	case "debug":
		return slog.LevelDebug
	case "verbose":
		return slog.LevelDebug + 2
	case "warning":
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// LogValue is the settings that differ from their defaults, for one line of the log; passwords and secrets are masked.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range settings() {
		if reflect.DeepEqual(s.of(&c).Interface(), s.of(defaults()).Interface()) {
			continue
		}
		shown := s.show(s.of(&c))
		if s.name == "requirepass" {
			shown = masked
		}
		attrs = append(attrs, slog.String(s.name, shown))
	}
	return slog.GroupValue(attrs...)
}
