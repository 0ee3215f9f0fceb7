package control

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ringcache/ring"
)

// The files of a data directory. Each is replaced as a whole: written beside, synced, renamed, and the directory synced.
const (
	lockFile    = "lock"         // held by the running process (flock)
	nodeFile    = "node.json"    // nodeState
	clusterFile = "cluster.json" // clusterState
	peersFile   = "peers.json"   // where the other nodes were last
	raftFile    = "raft.db"      // Raft's log and votes
	snapDir     = "snapshots"    // Raft's snapshots

	// maxStateFile bounds in bytes what is read of one of the JSON files: ring.MaxNodes peers need about 300 KB.
	maxStateFile = 4 << 20
)

// The errors of a data directory.
var (
	ErrDirInUse = errors.New("control: the data directory is in use by another process")
	ErrDirState = errors.New("control: the data directory is damaged")
)

// phase says how far a node is into its cluster. It makes each first start a sequence of steps that a crash may interrupt
// anywhere: what the next start does follows from the phase and from whether Raft has state.
type phase string

const (
	phaseNone          phase = ""              // no cluster yet
	phaseBootstrapping phase = "bootstrapping" // the cluster id is chosen; Raft's first configuration may or may not be written
	phaseJoining       phase = "joining"       // a cluster has accepted the node; its map may not have come yet
	phaseMember        phase = "member"        // Raft has state here; without it the directory is damaged
)

type nodeState struct {
	ID          ring.NodeID `json:"id"`
	Incarnation uint64      `json:"incarnation"` // starts of the process
}

type clusterState struct {
	ID    string `json:"cluster_id"`
	Phase phase  `json:"phase"`
}

// Dir is an opened data directory: the node's identity, locked against other processes. The node id is there before a bus or
// a control plane is, since both need it.
type Dir struct {
	path string
	lock *os.File
	node nodeState

	cluster atomic.Pointer[clusterState] // read by every handshake
	mu      sync.Mutex                   // serialises writes of the files
}

// OpenDir opens the data directory, making it where it does not exist, and locks it. The first opening chooses the node's id;
// each counts one more start. A directory that another process holds answers ErrDirInUse, one with unreadable files ErrDirState.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("control: data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control: data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrDirInUse, path)
		}
		return nil, fmt.Errorf("control: locking %s: %w", path, err)
	}
	d := &Dir{path: path, lock: lock}
	if err := d.load(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) load() error {
	var cs clusterState
	if _, err := d.read(clusterFile, &cs); err != nil {
		return err
	}
	switch cs.Phase {
	case phaseNone, phaseBootstrapping, phaseJoining, phaseMember:
	default:
		return fmt.Errorf("%w: %s: phase %q", ErrDirState, clusterFile, cs.Phase)
	}
	if (cs.Phase == phaseNone) != (cs.ID == "") || (cs.ID != "" && !isID(cs.ID)) {
		return fmt.Errorf("%w: %s: cluster id %.50q in phase %q", ErrDirState, clusterFile, cs.ID, cs.Phase)
	}
	d.cluster.Store(&cs)

	found, err := d.read(nodeFile, &d.node)
	switch {
	case err != nil:
		return err
	case !found && cs.ID != "":
		return fmt.Errorf("%w: %s has a cluster id, but %s is missing", ErrDirState, d.path, nodeFile)
	case !found:
		d.node.ID = ring.NewNodeID()
	case !isID(string(d.node.ID)):
		return fmt.Errorf("%w: %s: node id %.50q", ErrDirState, nodeFile, d.node.ID)
	}
	d.node.Incarnation++
	return d.write(nodeFile, d.node)
}

// NodeID is the node's own, forever.
func (d *Dir) NodeID() ring.NodeID { return d.node.ID }

// ClusterID is the cluster the node belongs to, "" before it has one. It fits bus.Identity.
func (d *Dir) ClusterID() string { return d.cluster.Load().ID }

// Incarnation counts the starts of this node.
func (d *Dir) Incarnation() uint64 { return d.node.Incarnation }

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }

// Close unlocks the directory. A control plane that was started on it closes it when it stops.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) phase() phase { return d.cluster.Load().Phase }

// enter writes the cluster id and the phase, and only then lets them be seen.
func (d *Dir) enter(cluster string, p phase) error {
	cs := clusterState{ID: cluster, Phase: p}
	if *d.cluster.Load() == cs {
		return nil
	}
	if err := d.write(clusterFile, cs); err != nil {
		return err
	}
	d.cluster.Store(&cs)
	return nil
}

// read decodes one file into v; false when it does not exist.
func (d *Dir) read(name string, v any) (bool, error) {
	path := filepath.Join(d.path, name)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("control: data directory: %w", err)
	}
	if st.Size() > maxStateFile {
		return false, fmt.Errorf("%w: %s has %d bytes", ErrDirState, path, st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("control: data directory: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDirState, path, err)
	}
	return true, nil
}

func (d *Dir) write(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("control: encoding %s: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := replaceFile(d.path, name, append(b, '\n')); err != nil {
		return fmt.Errorf("control: writing %s: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

// replaceFile makes dir/name hold b, durably, and never anything between the old and the new.
func replaceFile(dir, name string, b []byte) error {
	f, err := os.CreateTemp(dir, name+".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	df, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(df.Sync(), df.Close())
}

// newClusterID is 160 random bits in hexadecimal, like a node id.
func newClusterID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func isID(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}
