package bus

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
)

// The handshake. Nothing else is read from a connection before it is through; every message has a fixed head that says how
// long the rest is, at most a few hundred bytes, so a reader never takes a byte that belongs to what follows.
//
//	dialler                                      listener
//	hello: magic, version, kind, auth,    ---->
//	       nonce, cluster id, node id
//	                                      <----  challenge: status, auth, nonce   (or a refusal, with its text)
//	proof: HMAC (with a secret only)      ---->
//	                                      <----  welcome: status, cluster id, node id, HMAC   (or a refusal)
//
// Both proofs are HMAC-SHA256 under the cluster secret over a label that names the side and over all that was said so far:
// the nonces of both sides, the kind, and the ids. The label binds a proof to its direction, so a proof cannot be reflected
// to the side that gave it; the nonces bind it to this connection. The dialler proves itself first, so a stranger that
// merely connects gets nothing that was made with the secret.
const (
	version = 1 // of the handshake and of what follows it

	nonceSize = 32 // bytes; random, so no two handshakes have the same transcript
	proofSize = sha256.Size

	helloHead     = 4 + 1 + 1 + 1 + 1 + 1 + nonceSize // magic, version, kind, auth, length of cluster id, of node id, nonce
	challengeHead = 1 + 1 + 1 + nonceSize             // status, auth, length of text, nonce
	welcomeHead   = 1 + 1 + 1 + 1                     // status, length of cluster id, of node id, of text

	// MaxID is the longest cluster or node id in bytes; ids are 40 hexadecimal digits.
	MaxID = 64

	labelDialler  = "ringcache bus 1 dialler"
	labelListener = "ringcache bus 1 listener"
)

var magic = [4]byte{'R', 'C', 'B', 'S'}

// The errors a handshake ends with; Dial's and the listener's log lines wrap one of them.
var (
	ErrNotBus    = errors.New("bus: the other side does not speak the ringcache bus protocol")
	ErrVersion   = errors.New("bus: the other side speaks another version of the bus protocol")
	ErrSecret    = errors.New("bus: the cluster secrets differ")
	ErrCluster   = errors.New("bus: the node belongs to another cluster")
	ErrKind      = errors.New("bus: the node does not take this kind of connection now")
	ErrNode      = errors.New("bus: another node than the wanted one answers at this address")
	ErrSelf      = errors.New("bus: the address is this node's own")
	ErrHandshake = errors.New("bus: malformed handshake")
	ErrBusy      = errors.New("bus: too many connections that have not proved themselves")
)

// status is the byte that a challenge or a welcome begins with.
type status byte

const (
	statusOK status = iota
	statusVersion
	statusSecret
	statusCluster
	statusKind
	statusHandshake
	statusSelf
)

// statusErrors pairs what goes over the wire with what the code tests for.
var statusErrors = map[status]error{
	statusVersion:   ErrVersion,
	statusSecret:    ErrSecret,
	statusCluster:   ErrCluster,
	statusKind:      ErrKind,
	statusHandshake: ErrHandshake,
	statusSelf:      ErrSelf,
}

func statusOf(err error) status {
	for s, e := range statusErrors {
		if errors.Is(err, e) {
			return s
		}
	}
	return statusHandshake
}

// maxText bounds in bytes the text of a refusal.
const maxText = 200

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}

// hello is the dialler's first message.
type hello struct {
	Kind    Kind
	Auth    bool // the dialler has a secret
	Nonce   [nonceSize]byte
	Cluster string
	Node    string
}

func (h *hello) bytes() []byte {
	b := append([]byte(nil), magic[:]...)
	b = append(b, version, byte(h.Kind), bit(h.Auth), byte(len(h.Cluster)), byte(len(h.Node)))
	b = append(b, h.Nonce[:]...)
	b = append(b, h.Cluster...)
	return append(b, h.Node...)
}

// readHello reads a hello and gives back its bytes too, for the transcript. It stops at the first byte that a ringcache node
// would not have sent: an HTTP request costs its sender 4 bytes.
func readHello(r io.Reader) (hello, []byte, error) {
	b := make([]byte, helloHead, helloHead+2*MaxID)
	if _, err := io.ReadFull(r, b[:5]); err != nil {
		return hello{}, nil, fmt.Errorf("reading the hello: %w", err)
	}
	if [4]byte(b[:4]) != magic {
		return hello{}, nil, ErrNotBus
	}
	if b[4] != version {
		return hello{}, nil, fmt.Errorf("%w: %d, not %d", ErrVersion, b[4], version)
	}
	if _, err := io.ReadFull(r, b[5:helloHead]); err != nil {
		return hello{}, nil, fmt.Errorf("reading the hello: %w", err)
	}
	h := hello{Kind: Kind(b[5]), Auth: b[6] == 1, Nonce: [nonceSize]byte(b[9:helloHead])}
	clusterLen, nodeLen := int(b[7]), int(b[8])
	if b[6] > 1 || clusterLen > MaxID || nodeLen > MaxID || nodeLen == 0 {
		return hello{}, nil, fmt.Errorf("%w: ids of %d and %d bytes", ErrHandshake, clusterLen, nodeLen)
	}
	b = b[:helloHead+clusterLen+nodeLen]
	if _, err := io.ReadFull(r, b[helloHead:]); err != nil {
		return hello{}, nil, fmt.Errorf("reading the hello: %w", err)
	}
	h.Cluster, h.Node = string(b[helloHead:helloHead+clusterLen]), string(b[helloHead+clusterLen:])
	if !printable(h.Cluster) || !printable(h.Node) {
		return hello{}, nil, fmt.Errorf("%w: an id is not printable", ErrHandshake)
	}
	return h, b, nil
}

// challenge is the listener's answer to a hello: its nonce, or why it refuses.
type challenge struct {
	Status status
	Auth   bool // the listener has a secret and wants a proof
	Nonce  [nonceSize]byte
	Text   string // of a refusal
}

func (c *challenge) bytes() []byte {
	b := append([]byte(nil), byte(c.Status), bit(c.Auth), byte(len(c.Text)))
	b = append(b, c.Nonce[:]...)
	return append(b, c.Text...)
}

func readChallenge(r io.Reader) (challenge, []byte, error) {
	b := make([]byte, challengeHead, challengeHead+maxText)
	if _, err := io.ReadFull(r, b); err != nil {
		return challenge{}, nil, fmt.Errorf("reading the challenge: %w", err)
	}
	c := challenge{Status: status(b[0]), Auth: b[1] == 1, Nonce: [nonceSize]byte(b[3:])}
	textLen := int(b[2])
	if b[1] > 1 || textLen > maxText {
		return challenge{}, nil, ErrNotBus
	}
	b = b[:challengeHead+textLen]
	if _, err := io.ReadFull(r, b[challengeHead:]); err != nil {
		return challenge{}, nil, fmt.Errorf("reading the challenge: %w", err)
	}
	c.Text = string(b[challengeHead:])
	return c, b, nil
}

// welcome ends the handshake.
type welcome struct {
	Status  status
	Cluster string
	Node    string
	Text    string // of a refusal
}

func (w *welcome) append(b []byte) []byte {
	b = append(b, byte(w.Status), byte(len(w.Cluster)), byte(len(w.Node)), byte(len(w.Text)))
	b = append(b, w.Cluster...)
	b = append(b, w.Node...)
	return append(b, w.Text...)
}

func readWelcome(r io.Reader) (welcome, []byte, error) {
	b := make([]byte, welcomeHead, welcomeHead+2*MaxID+maxText)
	if _, err := io.ReadFull(r, b); err != nil {
		return welcome{}, nil, fmt.Errorf("reading the welcome: %w", err)
	}
	clusterLen, nodeLen, textLen := int(b[1]), int(b[2]), int(b[3])
	if clusterLen > MaxID || nodeLen > MaxID || textLen > maxText {
		return welcome{}, nil, fmt.Errorf("%w: ids of %d and %d bytes", ErrHandshake, clusterLen, nodeLen)
	}
	b = b[:welcomeHead+clusterLen+nodeLen+textLen]
	if _, err := io.ReadFull(r, b[welcomeHead:]); err != nil {
		return welcome{}, nil, fmt.Errorf("reading the welcome: %w", err)
	}
	rest := string(b[welcomeHead:])
	w := welcome{Status: status(b[0]), Cluster: rest[:clusterLen], Node: rest[clusterLen : clusterLen+nodeLen], Text: rest[clusterLen+nodeLen:]}
	if !printable(w.Cluster) || !printable(w.Node) {
		return welcome{}, nil, fmt.Errorf("%w: an id is not printable", ErrHandshake)
	}
	return w, b, nil
}

// greet runs the dialler's side. The caller has set the connection's deadline.
func greet(nc net.Conn, kind Kind, id Identity) (Peer, error) {
	h := hello{Kind: kind, Auth: len(id.Secret) > 0, Cluster: id.ClusterID(), Node: id.NodeID}
	if len(h.Cluster) > MaxID || len(h.Node) > MaxID || h.Node == "" {
		return Peer{}, fmt.Errorf("%w: ids of %d and %d bytes", ErrHandshake, len(h.Cluster), len(h.Node))
	}
	if _, err := rand.Read(h.Nonce[:]); err != nil {
		return Peer{}, fmt.Errorf("bus: making a nonce: %w", err)
	}
	said := h.bytes()
	if _, err := nc.Write(said); err != nil {
		return Peer{}, fmt.Errorf("bus: saying hello: %w", err)
	}

	c, raw, err := readChallenge(nc)
	if err != nil {
		return Peer{}, err
	}
	if c.Status != statusOK {
		return Peer{}, refusal(c.Status, c.Text)
	}
	if c.Auth != h.Auth {
		return Peer{}, fmt.Errorf("%w: one side has a secret, the other none", ErrSecret)
	}
	said = append(said, raw...)
	if h.Auth {
		if _, err := nc.Write(proof(id.Secret, labelDialler, said)); err != nil {
			return Peer{}, fmt.Errorf("bus: proving the secret: %w", err)
		}
	}

	w, raw, err := readWelcome(nc)
	if err != nil {
		return Peer{}, err
	}
	if w.Status != statusOK {
		return Peer{}, refusal(w.Status, w.Text)
	}
	said = append(said, raw...)
	if h.Auth {
		var got [proofSize]byte
		if _, err := io.ReadFull(nc, got[:]); err != nil {
			return Peer{}, fmt.Errorf("bus: reading the listener's proof: %w", err)
		}
		if !hmac.Equal(got[:], proof(id.Secret, labelListener, said)) {
			return Peer{}, ErrSecret
		}
	}
	return Peer{NodeID: w.Node, ClusterID: w.Cluster, Addr: nc.RemoteAddr().String()}, nil
}

// receive runs the listener's side up to the point where the dialler has proved the secret and said what it wants. check
// decides whether it gets it. A refusal is told to the dialler. The caller has set the connection's deadline.
func receive(nc net.Conn, id Identity, check func(hello) error) (hello, error) {
	h, said, err := readHello(nc)
	if err != nil {
		if errors.Is(err, ErrVersion) || errors.Is(err, ErrHandshake) {
			refuse(nc, err)
		}
		return h, err
	}
	c := challenge{Auth: len(id.Secret) > 0}
	if _, err := rand.Read(c.Nonce[:]); err != nil {
		return h, fmt.Errorf("bus: making a nonce: %w", err)
	}
	if c.Auth != h.Auth {
		err := fmt.Errorf("%w: one side has a secret, the other none", ErrSecret)
		refuse(nc, err)
		return h, err
	}
	out := c.bytes()
	said = append(said, out...)
	if c.Auth {
		if _, err := nc.Write(out); err != nil {
			return h, fmt.Errorf("bus: sending the challenge: %w", err)
		}
		out = nil
		var got [proofSize]byte
		if _, err := io.ReadFull(nc, got[:]); err != nil {
			return h, fmt.Errorf("bus: reading the dialler's proof: %w", err)
		}
		if !hmac.Equal(got[:], proof(id.Secret, labelDialler, said)) {
			w := welcome{Status: statusSecret, Text: ErrSecret.Error()}
			_, _ = nc.Write(w.append(nil))
			return h, ErrSecret
		}
	}
	w := welcome{Cluster: id.ClusterID(), Node: id.NodeID}
	if err := check(h); err != nil {
		w = welcome{Status: statusOf(err), Text: clip(err.Error())}
		_, _ = nc.Write(w.append(out))
		return h, err
	}
	said = w.append(said)
	out = w.append(out)
	if c.Auth {
		out = append(out, proof(id.Secret, labelListener, said)...)
	}
	if _, err := nc.Write(out); err != nil {
		return h, fmt.Errorf("bus: sending the welcome: %w", err)
	}
	return h, nil
}

// refuse answers a hello with a challenge that carries a refusal.
func refuse(nc net.Conn, err error) {
	c := challenge{Status: statusOf(err), Text: clip(err.Error())}
	_, _ = nc.Write(c.bytes())
}

// refusal is the dialler's error for a status it was sent. The text is the other side's: printed only where it is printable.
func refusal(s status, text string) error {
	err, ok := statusErrors[s]
	if !ok {
		return ErrNotBus
	}
	if text == "" || text == err.Error() || !printable(text) {
		return fmt.Errorf("refused: %w", err)
	}
	return &refusedError{text: text, cause: err}
}

// refusedError keeps the other side's words and still answers errors.Is.
type refusedError struct {
	text  string
	cause error
}

func (e *refusedError) Error() string { return "refused: " + e.text }
func (e *refusedError) Unwrap() error { return e.cause }

func proof(secret []byte, label string, said []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(label))
	m.Write(said)
	return m.Sum(nil)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// printable tells whether s is plain ASCII that may stand in a log line.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
