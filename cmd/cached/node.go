package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"ringcache/internal/bus"
	"ringcache/internal/config"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server"
	"ringcache/server/command"
	"ringcache/server/store"
)

// leaveTimeout bounds the courtesies of an orderly stop: handing the leadership over and saying goodbye.
const leaveTimeout = 5 * time.Second

// runNode runs one node until ctx ends, in this order:
//
//  1. the data directory: who this node is, before anybody is told; and no second process on it
//  2. the bus, refusing every kind of connection until its handler stands
//  3. the keyspace and the command table
//  4. the control plane, which begins to look for the cluster; without a lease nothing is served yet
//  5. the server, which follows the control plane's map, and then the bus's proxy links
//  6. the clients' sockets last: who can connect finds everything behind them
//
// The stop runs the other way.
func runNode(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	threads := loops(&cfg)
	runtime.GOMAXPROCS(threads + spareProcs)

	dir, err := control.OpenDir(cfg.DataDir())
	if err != nil {
		return err
	}
	self, err := selfNode(&cfg, dir.NodeID())
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	log = log.With("node", self.ID.Short())

	identity := bus.Identity{ClusterID: dir.ClusterID, NodeID: string(self.ID), Secret: []byte(cfg.ClusterSecret)}
	listener, err := bus.Listen(cfg.BusAddrs()[0], identity, log)
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	defer listener.Close()

	copies := server.NewCopies(server.CopiesOptions{
		Self: self.ID, Incarnation: dir.Incarnation(), NodeTimeout: cfg.NodeTimeout.Of(), Buffer: int(cfg.ReplicaBuffer), Replicas: cfg.Replicas,
		Dial: func(ctx context.Context, addr string, id ring.NodeID) (net.Conn, error) {
			nc, _, err := bus.Dial(ctx, addr, bus.KindReplication, identity, string(id))
			return nc, err
		},
	})
	keyspace := store.New(store.Options{Hash: ring.Hash, Sink: copies}) // for want of a cluster with a secret; no key is stored before
	table := command.NewTable()

	var srv atomic.Pointer[server.Server]
	ctl, err := control.Start(control.Config{
		Self: self, Dir: dir, Join: cfg.Join, Replicas: cfg.Replicas, NodeTimeout: cfg.NodeTimeout.Of(), Bus: listener, Logger: log,
		LostSlotsAfter: cfg.LostAfter.Of(),
		Report:         func() control.Report { return report(srv.Load()) },
		Heard: func(r control.Report) {
			if s := srv.Load(); s != nil {
				s.Heard(r)
			}
		},
		Formed: func(m *ring.Map) { keyspace.SetHash(m.HashKey.Func()) },
	})
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		if err := ctl.Stop(bounded); err != nil {
			log.Warn("stopping the control plane", "err", err)
		}
	}()

	settings := config.NewStore(cfg)
	if err := tune(keyspace, &cfg); err != nil {
		return err
	}
	exe, _ := os.Executable()
	s, err := server.New(server.Options{
		Self: self, Loops: threads, Table: table, Keyspace: keyspace, Copies: copies, Cluster: ctl,
		Dial: func(ctx context.Context, addr string, id ring.NodeID) (net.Conn, error) {
			nc, _, err := bus.Dial(ctx, addr, bus.KindProxy, identity, string(id))
			return nc, err
		},
		Settings: clientSettings(settings.Load()), Config: settings, Stop: stop, Logger: log,
		Info: server.Info{Version: version, ConfigFile: cfg.File, Executable: exe, Port: cfg.Port},
	})
	if err != nil {
		return err
	}
	defer s.Close()
	srv.Store(s)
	settings.OnSet(func(_, now *config.Config) {
		logLevel.Set(now.SlogLevel())
		if err := tune(keyspace, now); err != nil {
			log.Error("CONFIG SET", "err", err)
		}
		s.Apply(clientSettings(now))
	})
	listener.Handle(bus.KindProxy, s.AcceptLink)
	listener.Handle(bus.KindReplication, s.AcceptStream)

	for _, addr := range cfg.ListenAddrs() {
		bound, err := s.ListenTCP(addr)
		if err != nil {
			return err
		}
		log.Info("serving clients", "addr", bound.String(), "loops", threads, "version", version)
	}
	if cfg.UnixSocket != "" {
		if err := s.ListenUnix(cfg.UnixSocket, fs.FileMode(cfg.UnixSocketPerm)); err != nil {
			return err
		}
		log.Info("serving clients", "socket", cfg.UnixSocket)
	}
	select {
	case <-ctl.Ready():
		log.Info("ready", "cluster", ctl.Map().ClusterID, "epoch", ctl.Map().Epoch)
	case <-ctx.Done():
	}
	<-ctx.Done()
	log.Info("stopping")
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	s.Leave(bounded)
	ctl.Resign(bounded)
	// From here on nobody is to come back: the listener stands until this node has left the control plane.
	listener.Handle(bus.KindProxy, nil)
	listener.Handle(bus.KindReplication, nil)
	return nil
}

// spareProcs is how many goroutines may run beside busy loops: leases, Raft and gossip must never wait for a loop to end its
// batch. The operating system shares the processors fairly between the threads.
const spareProcs = 2

// loops is the number of event loops: --threads, or one for every two processors. The other half does the kernel's share of
// the work (most of a request is network), the control plane's, and that of clients and nodes on the same machine; more loops
// mean smaller batches, so more CPU time a request (docs/decisions/0006).
func loops(cfg *config.Config) int {
	if cfg.Threads > 0 {
		return cfg.Threads
	}
	return max(1, runtime.NumCPU()/2)
}

// selfNode is this node as the map will have it.
func selfNode(cfg *config.Config, id ring.NodeID) (ring.Node, error) {
	addr, err := cfg.Advertised(net.InterfaceAddrs)
	if err != nil {
		return ring.Node{}, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ring.Node{}, fmt.Errorf("advertised address: %w", err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return ring.Node{}, fmt.Errorf("advertised address: %w", err)
	}
	return ring.Node{
		ID: id, Addr: addr, Bus: net.JoinHostPort(host, strconv.Itoa(p+control.BusOffset)), Weight: cfg.Weight, Zone: cfg.Zone,
	}, nil
}

// report is what the node tells the leader of itself; s is nil until the server stands.
func report(s *server.Server) control.Report {
	if s == nil {
		return control.Report{PID: os.Getpid()}
	}
	load := s.Load()
	r := control.Report{
		PID: os.Getpid(), Keys: load.Keys, MemoryBytes: load.MemoryBytes, OpsPerSec: load.OpsPerSec, NonEmpty: s.NonEmpty(),
	}
	s.Report(&r)
	return r
}

// clientSettings are the settings that the server goes by at run time.
func clientSettings(c *config.Config) server.Settings {
	normal := c.OutputLimits[config.ClassNormal]
	return server.Settings{
		RequirePass: c.RequirePass, MaxClients: c.MaxClients, Timeout: c.Timeout.Of(), KeepAlive: c.TCPKeepAlive.Of(), Hold: c.Hold.Of(),
		QueryBuffer: int(c.QueryBufferLimit), MaxBulk: int(c.ProtoMaxBulkLen), OutputHard: int(normal.Hard), OutputSoft: int(normal.Soft),
		OutputSoftFor: time.Duration(normal.SoftSeconds) * time.Second, MaxMemory: int64(c.MaxMemory),
		AcksPrimary: c.Acks == config.AcksPrimary, Policy: c.MaxMemoryPolicy, MinReplicas: c.MinReplicas,
	}
}

// tune gives the keyspace its settings: the bounds of small forms, and those of eviction. The error would be a policy that config takes and store does not know.
func tune(ks *store.Keyspace, c *config.Config) error {
	policy, err := store.ParsePolicy(c.MaxMemoryPolicy)
	if err != nil {
		return err
	}
	ks.SetThresholds(store.Thresholds{
		HashEntries: c.HashEntries, HashValue: int(c.HashValue), SetIntset: c.SetIntset, SetEntries: c.SetEntries, SetValue: int(c.SetValue),
		ZsetEntries: c.ZsetEntries, ZsetValue: int(c.ZsetValue), ListSize: c.ListSize, StreamBytes: int(c.StreamBytes),
		StreamLength: c.StreamEntries, HLLSparse: int(c.HLLSparse),
	})
	ks.SetLFU(c.LFULogFactor, c.LFUDecayTime)
	ks.SetEviction(policy, c.MaxMemorySamples)
	return nil
}
