package server

import (
	"ringcache/server/command"
)

// The methods of a session that the connection family calls; see command.Conn.

func (s *session) ID() uint64          { return s.id }
func (s *session) DB() int             { return int(s.db) }
func (s *session) SetDB(db int)        { s.db = uint8(db) }
func (s *session) Authenticated() bool { return s.authed }
func (s *session) SetAsking()          {}
func (s *session) CloseAfterReply()    { s.ending = true }

func (s *session) info() *sessionInfo {
	if s.more == nil {
		s.more = &sessionInfo{}
	}
	return s.more
}

func (s *session) Name() string {
	if s.more == nil {
		return ""
	}
	return s.more.name
}

func (s *session) SetName(name string) { s.info().name = name }

func (s *session) SetLib(name, ver string) {
	if name != "" {
		s.info().libName = name
	}
	if ver != "" {
		s.info().libVer = ver
	}
}

func (s *session) SetProto(proto int) {
	s.proto = uint8(proto)
	s.l.ctx.Out.Proto = proto // the reply to HELLO itself is already in the new protocol
}

func (s *session) User() string {
	if s.more == nil || s.more.user == "" {
		return "default"
	}
	return s.more.user
}

func (s *session) SetAuthenticated(user string) {
	s.info().user = user
	s.authed = true
	s.setLimits()
}

func (s *session) SetReplyMode(m command.ReplyMode) {
	if m == command.ReplySkip && s.mode == command.ReplyOff {
		return // none is sent anyway, and the one after must not be either
	}
	s.mode, s.modeSet = m, true
}

func (s *session) setFlag(f sessionFlags, on bool) {
	if on {
		s.flags |= f
	} else {
		s.flags &^= f
	}
}

func (s *session) SetReadOnly(on bool) { s.setFlag(flagReadOnly, on) }
func (s *session) SetNoEvict(on bool)  { s.setFlag(flagNoEvict, on) }
func (s *session) SetNoTouch(on bool)  { s.setFlag(flagNoTouch, on) }

// Reset makes the session what it was when the client connected.
func (s *session) Reset() {
	s.db, s.mode, s.flags = 0, command.ReplyOn, 0
	s.SetProto(2)
	if s.more != nil {
		s.more.name, s.more.user = "", ""
	}
	s.authed = s.l.srv.settings.Load().RequirePass == ""
	s.setLimits()
}

// Info is the session's line of CLIENT LIST.
func (s *session) Info() command.ClientInfo {
	now := s.l.ev.Now()
	ci := command.ClientInfo{
		ID: s.id, Addr: s.c.RemoteAddr(), LAddr: s.c.LocalAddr(), FD: s.c.FD(), Name: s.Name(),
		AgeSec: (now - s.created) / 1000, IdleSec: (now - s.active) / 1000, DB: int(s.db),
		QBuf: s.rd.Buffered(), OMem: s.c.Backlog(), TotMem: s.memory(), Events: "r", User: s.User(), Proto: int(s.proto),
		NoEvict: s.flags&flagNoEvict != 0, NoTouch: s.flags&flagNoTouch != 0, Type: "normal", Flags: s.flagLetters(),
	}
	if s.c.Backlog() > 0 {
		ci.Events = "rw"
	}
	if s.row != nil {
		ci.Cmd = s.row.FullName()
	}
	if s.more != nil {
		ci.LibName, ci.LibVer = s.more.libName, s.more.libVer
	}
	return ci
}

func (s *session) flagLetters() string {
	f := ""
	if s.park != notParked || s.waits() {
		f += "b"
	}
	if s.c.IsUnix() {
		f += "U"
	}
	if s.flags&flagReadOnly != 0 {
		f += "r"
	}
	if f == "" {
		return "N"
	}
	return f
}

// sessionBytes is about what an idle session and its connection take.
const sessionBytes = 768

// memory is about how many bytes the session takes now.
func (s *session) memory() int {
	return sessionBytes + s.rd.Buffered() + s.c.Backlog() + cap(s.places.ring)*40
}

// farConn is a session for a command that runs beside its loop: what it reads was taken when the command began, what it
// changes is done on the loop before the reply leaves.
type farConn struct {
	s     *session
	info  command.ClientInfo
	authd bool
}

func newFarConn(s *session) command.Conn { return &farConn{s: s, info: s.Info(), authd: s.authed} }

func (f *farConn) post(fn func()) { f.s.l.srv.post(f.s.l, fn) }

func (f *farConn) ID() uint64                       { return f.info.ID }
func (f *farConn) Name() string                     { return f.info.Name }
func (f *farConn) SetName(name string)              { f.post(func() { f.s.SetName(name) }) }
func (f *farConn) SetLib(name, ver string)          { f.post(func() { f.s.SetLib(name, ver) }) }
func (f *farConn) DB() int                          { return f.info.DB }
func (f *farConn) SetDB(db int)                     { f.post(func() { f.s.SetDB(db) }) }
func (f *farConn) SetProto(proto int)               { f.post(func() { f.s.proto = uint8(proto) }) }
func (f *farConn) User() string                     { return f.info.User }
func (f *farConn) Authenticated() bool              { return f.authd }
func (f *farConn) SetAuthenticated(user string)     { f.post(func() { f.s.SetAuthenticated(user) }) }
func (f *farConn) SetReplyMode(m command.ReplyMode) { f.post(func() { f.s.SetReplyMode(m) }) }
func (f *farConn) SetReadOnly(on bool)              { f.post(func() { f.s.SetReadOnly(on) }) }
func (f *farConn) SetAsking()                       {}
func (f *farConn) SetNoEvict(on bool)               { f.post(func() { f.s.SetNoEvict(on) }) }
func (f *farConn) SetNoTouch(on bool)               { f.post(func() { f.s.SetNoTouch(on) }) }
func (f *farConn) CloseAfterReply()                 { f.post(func() { f.s.ending = true }) }
func (f *farConn) Reset()                           { f.post(f.s.Reset) }
func (f *farConn) Info() command.ClientInfo         { return f.info }
